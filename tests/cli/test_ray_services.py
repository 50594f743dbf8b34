from __future__ import annotations

from typing import Any

from rich.console import Console

from modelyard.cli.ray_services import ray_table, shown_ray_services


def printed(status: dict[str, Any]) -> str:
    item = {"metadata": {"name": "gemma", "namespace": "models"}, "status": status}
    console = Console(width=300)
    with console.capture() as captured:
        console.print(ray_table(shown_ray_services([item])))
    return captured.get()


def condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def test_one_that_serves_while_a_new_cluster_is_prepared():
    text = printed(
        {
            "conditions": [
                condition("Ready", "True", "NonZeroServeEndpoints", "Number of serve endpoints is greater than 0"),
                condition("UpgradeInProgress", "True", "BothActivePendingClustersExist"),
            ],
            "activeServiceStatus": {
                "rayClusterName": "gemma-1",
                "applicationStatuses": {"llm": {"status": "RUNNING"}},
            },
            "pendingServiceStatus": {"rayClusterName": "gemma-2", "applicationStatuses": {}},
        }
    )
    for part in (
        "models/gemma",
        "yes (NonZeroServeEndpoints)",
        "BothActivePending",
        "gemma-1 -> gemma-2",
        "llm RUNNING",
    ):
        assert part in text
    assert "Number of" not in text


def test_one_that_does_not_says_why():
    text = printed({"conditions": [condition("Ready", "False", "ZeroServeEndpoints", "the Ray head ended")]})
    assert "no (ZeroServeEndpoints)" in text
    assert "the Ray head ended" in text


def test_trouble_of_an_application_is_shown_although_it_serves():
    ready = condition("Ready", "True", "NonZeroServeEndpoints", "Number …; application a is UNHEALTHY: gone")
    assert "a is UNHEALTHY" in printed({"conditions": [ready]})


def test_one_that_was_not_started():
    assert "no (not started)" in printed({})


def test_variants_of_one_name_are_one_row():
    item = {"metadata": {"name": "gemma", "namespace": "models"}, "status": {"conditions": []}}
    assert [row["name"] for row in shown_ray_services([item, item])] == ["models/gemma"]
