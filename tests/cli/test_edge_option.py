"""``--edge envoy`` without an Envoy: what is wrong, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from modelyard.cli.commands import application
from modelyard.cli.edge_option import Edge, edge_envoy
from modelyard.local.envoy import ENVOY_VARIABLE


@pytest.mark.parametrize("command", ["up", "gateway"])
def test_says_how_to_get_one(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVOY_VARIABLE, str(tmp_path / "missing"))
    result = CliRunner().invoke(
        application(), [command, "-f", str(tmp_path), "--edge", "envoy", "--home", str(tmp_path / "home")]
    )
    assert result.exit_code == 1
    said = " ".join(result.stderr.split())
    assert "there is no Envoy 1.40 or newer" in said
    assert "modelyard engines install envoy" in said
    assert not (tmp_path / "home").exists()


def test_the_own_proxy_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVOY_VARIABLE, "/missing")
    assert edge_envoy(Edge.MODELYARD) is None
