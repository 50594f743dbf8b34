from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from modelyard.cli import ps as module
from modelyard.cli.commands import application

ADAPTER = {
    "adapter": "food",
    "replica": "default/m-0",
    "loaded": False,
    "reason": "RankTooHigh",
    "since": 0.0,
    "digest": "",
    "source": "demo://food-review",
    "engine_name": "",
    "message": "set --max-lora-rank=16",
}
ANSWERS: dict[str, Any] = {
    "/api/summary": {"gateways": [], "errors": [], "jobs": []},
    "/api/replicas": {"replicas": []},
    "/api/fleet": {"backends": []},
    "/api/rollouts": {"rollouts": []},
    "/api/adapters": {"adapters": [ADAPTER], "problems": ["ConfigMap default/x: nothing reads it"], "deployments": []},
    "/api/resources?kind=RayService": {"items": []},
}


@pytest.fixture(autouse=True)
def yard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "running_yard", lambda home: None)
    monkeypatch.setattr(module, "ask", lambda yard, path, body=None: ANSWERS[path])
    monkeypatch.setenv("COLUMNS", "200")


def test_an_adapter_that_is_not_loaded_is_shown_with_its_reason() -> None:
    shown = CliRunner().invoke(application(), ["ps"])
    assert shown.exit_code == 0, shown.output
    for part in ("RankTooHigh", "set --max-lora-rank=16", "ConfigMap default/x: nothing reads it"):
        assert part in shown.output


def test_programs_see_the_same() -> None:
    shown = json.loads(CliRunner().invoke(application(), ["ps", "--output", "json"]).stdout)
    assert shown["adapters"] == [ADAPTER]
    assert shown["adapterProblems"] == ["ConfigMap default/x: nothing reads it"]
