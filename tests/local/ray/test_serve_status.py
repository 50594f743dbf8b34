from __future__ import annotations

import json
from typing import Any

import pytest

from modelyard.local.ray.serve_status import brief, parse_status


def application(status: str, message: str = "", **deployments: dict[str, Any]) -> dict[str, Any]:
    return {"name": "a", "route_prefix": "/", "status": status, "message": message, "deployments": deployments}


def status_of(**applications: dict[str, Any]):
    page = {"controller_info": {}, "proxies": {}, "applications": applications, "target_capacity": None}
    return parse_status(json.dumps(page).encode())


def test_an_instance_without_applications():
    status = status_of()
    assert status.all_running(())
    assert not status.all_running(("a",))
    assert status.progress(("a",)) == "a NOT_STARTED"


def test_progress_counts_replicas():
    deployment = {
        "status": "UPDATING",
        "target_num_replicas": 3,
        "replicas": [{"state": "RUNNING", "pid": 1}, {"state": "STARTING", "pid": None}],
    }
    status = status_of(a=application("DEPLOYING", D=deployment), b=application("RUNNING"))
    assert status.progress(("a", "b")) == "a DEPLOYING (1/3 replicas)"
    assert status.any_running()
    assert not status.all_running(("a", "b"))


def test_a_failure_is_told_in_rays_words():
    deployment = {"status": "DEPLOY_FAILED", "message": "ModuleNotFoundError: No module named 'nope'"}
    status = status_of(a=application("DEPLOY_FAILED", "Failed to update the deployments ['D'].", D=deployment))
    assert status.problem() == (
        "application a is DEPLOY_FAILED: Failed to update the deployments ['D'].; "
        "D: ModuleNotFoundError: No module named 'nope'"
    )
    assert status.shown()["a"] == {
        "status": "DEPLOY_FAILED",
        "message": "Failed to update the deployments ['D'].",
        "serveDeploymentStatuses": {
            "D": {"status": "DEPLOY_FAILED", "message": "ModuleNotFoundError: No module named 'nope'"}
        },
    }


def test_a_long_message_keeps_its_end():
    text = "Traceback (most recent call last): " + "x " * 2000 + "ValueError: the reason"
    assert brief(text).endswith("ValueError: the reason")
    assert len(brief(text)) < 700


@pytest.mark.parametrize("body", [b"", b"[]", b'{"applications": 3}', b"\xff", b'{"x":' + b"[" * 100_000])
def test_anything_else_is_refused(body: bytes):
    with pytest.raises(ValueError, match="cannot be read"):
        parse_status(body)
