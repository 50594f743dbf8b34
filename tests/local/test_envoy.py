"""Where an Envoy is looked for, and which one is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.local.envoy import ENVOY_VARIABLE, ask_envoy, find_envoy


def program(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{path}  version: 9e5580/{version}/Clean/RELEASE/BoringSSL'\n")
    path.chmod(0o755)
    return path


def test_the_one_that_is_named_counts_alone(tmp_path: Path) -> None:
    named = program(tmp_path / "mine", "1.41.2")
    found = find_envoy({ENVOY_VARIABLE: str(named), "PATH": ""})
    assert found is not None
    assert (found.path, found.version) == (str(named), "1.41.2")
    assert ENVOY_VARIABLE in str(found)
    assert find_envoy({ENVOY_VARIABLE: str(tmp_path / "missing"), "PATH": ""}) is None


@pytest.mark.parametrize(
    ("version", "usable"), [("1.39.9", False), ("1.40.0", True), ("2.0.0-dev", True), ("x", False)]
)
def test_too_old_or_unknown_is_no_envoy(tmp_path: Path, version: str, usable: bool) -> None:
    assert (ask_envoy(program(tmp_path / "envoy", version), "test") is not None) == usable


def test_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelyard.local.envoy.sysconfig.get_path", lambda name: str(tmp_path / "nothing"))
    monkeypatch.setattr("modelyard.local.envoy.envoy_directory", lambda: tmp_path / "engines" / "envoy")
    assert find_envoy({"PATH": str(tmp_path)}) is None
    there = program(tmp_path / "envoy", "1.40.0")
    found = find_envoy({"PATH": str(tmp_path)})
    assert found is not None
    assert found.path == str(there)


def test_the_wheel_comes_before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = program(tmp_path / "packages" / "envoy" / "_bin" / "envoy", "1.40.0")
    program(tmp_path / "envoy", "1.40.0")
    monkeypatch.setattr("modelyard.local.envoy.sysconfig.get_path", lambda name: str(tmp_path / "packages"))
    found = find_envoy({"PATH": str(tmp_path)})
    assert found is not None
    assert found.path == str(wheel)
