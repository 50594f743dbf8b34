from __future__ import annotations

import json
from typing import Any, cast

import pytest
import typer
from typer.testing import CliRunner

from modelyard.cli import ray_rollout, rollout
from modelyard.cli.output import Output
from modelyard.cli.ray_rollout import is_settled, show_ray_service
from modelyard.cli.rollout import named_deployment
from modelyard.control.yard_file import YardFile


def status(ready: str, upgrade: str = "False", reason: str = "x") -> dict[str, Any]:
    return {
        "conditions": [
            {"type": "Ready", "status": ready, "reason": reason, "message": ""},
            {"type": "UpgradeInProgress", "status": upgrade, "reason": "y", "message": ""},
        ]
    }


class Yard:
    """The admin API, as far as it is asked: a RayService whose status goes on with each question."""

    def __init__(self, *statuses: dict[str, Any]) -> None:
        self.statuses = list(statuses)

    def ask(self, yard: YardFile, path: str, body: Any = None) -> Any:
        if path == "/api/rollouts":
            return {"rollouts": []}
        assert path == "/api/resources?kind=RayService"
        now = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return {"items": [{"kind": "RayService", "metadata": {"name": "hello"}, "status": now}]}


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(ray_rollout, "_POLL_SECONDS", 0.0)

    def use(*statuses: dict[str, Any]) -> None:
        yard = Yard(*statuses)
        for module in (rollout, ray_rollout):
            monkeypatch.setattr(module, "ask", yard.ask)
        monkeypatch.setattr(rollout, "running_yard", lambda home: None)

    return use


@pytest.mark.parametrize(
    ("found", "settled"),
    [
        (status("True"), True),
        (status("True", "True"), False),
        (status("False"), False),
        (status("False", reason="SuspendComplete"), True),
        ({}, False),
    ],
)
def test_settled_is_ready_with_one_cluster(found: dict[str, Any], settled: bool) -> None:
    assert is_settled(found) is settled


def test_a_prefix_is_no_part_of_the_name() -> None:
    assert named_deployment("rayservice/hello", "models") == ("models", "hello")


@pytest.mark.parametrize("name", ["hello", "rayservice/hello"])
def test_status_of_a_ray_service_waits_until_it_is_settled(serve: Any, name: str) -> None:
    serve(status("True", "True"), status("True", "True"), status("True", "True"), status("True"))
    shown = CliRunner().invoke(rollout.rollout, ["status", name, "--wait", "--output", "json"])
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.output)["status"] == status("True")


def test_the_wait_ends(serve: Any, capsys: pytest.CaptureFixture[str]) -> None:
    serve(status("False"))
    with pytest.raises(typer.Exit):
        show_ray_service(cast("YardFile", None), ("default", "hello"), True, 0.01, Output.TEXT)
    assert "not done within 0.01 s" in capsys.readouterr().err


def test_deployment_means_a_deployment(serve: Any) -> None:
    serve(status("True"))
    shown = CliRunner().invoke(rollout.rollout, ["status", "deployment/hello"])
    assert shown.exit_code != 0
    assert "no Deployment default/hello runs here" in shown.output
