"""Reads the facts of this machine that plans depend on, and chooses the engine that runs."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from modelyard.local.addresses import LOOPBACK_PREFIX
from modelyard.local.containers import SERVER_MODULE
from modelyard.local.engines import VllmEngine, find_vllm
from modelyard.local.home import Home
from modelyard.local.plan_context import PlanContext
from modelyard.local.replica_plan import EngineMode, EngineProgram, Machine

_GPU_DEVICES = ("/dev/nvidia0", "/dev/kfd", "/dev/dxg")
"""NVIDIA, AMD, and a GPU under WSL."""
_MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")

SIMULATOR = (sys.executable, "-m", "modelyard.cli.main", "sim", "--ignore-unknown")
"""``modelyard sim``, which takes vLLM's command line."""

NO_VLLM = (
    "no vLLM was found on this machine; install one with `modelyard engines install vllm`, "
    "or run without models with --engine sim"
)


def read_machine(engine: VllmEngine | None = None) -> Machine:
    """The facts, as ``engine`` sees them: a CPU build uses no GPU."""
    return Machine(
        has_gpu=not (engine and engine.cpu_build) and any(map(os.path.exists, _GPU_DEVICES)),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_bytes=_memory_bytes(),
        node_name=socket.gethostname(),
        loopback_range=_has_loopback_range(),
    )


def count_gpus() -> int:
    """NVIDIA GPUs of this machine, by their device files; 0 where there is none."""
    return sum(1 for _ in Path("/dev").glob("nvidia[0-9]*"))


def read_context(home: Home, mode: EngineMode) -> PlanContext:
    """What plans depend on, read now. Asks interpreters for vLLM, so it takes a moment: call it off the
    loop."""
    engine = None if mode is EngineMode.SIM else find_vllm()
    return PlanContext(
        home=str(home.root),
        machine=read_machine(engine),
        engine=_program(mode, engine),
        engine_problem="" if mode is EngineMode.SIM or engine else NO_VLLM,
        environment=frozenset(os.environ),
    )


def _program(mode: EngineMode, engine: VllmEngine | None) -> EngineProgram:
    if mode is EngineMode.SIM:
        return EngineProgram(kind="simulator", command=SIMULATOR)
    python = engine.python if engine else "python3"
    return EngineProgram(kind="vllm", command=(python, "-m", SERVER_MODULE))


def _memory_bytes() -> int:
    """Physical memory, or the container's limit where that is less."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = int(_MEMORY_LIMIT.read_text())
    except (OSError, ValueError):
        return physical
    return min(physical, limit)


def _has_loopback_range() -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((f"{LOOPBACK_PREFIX}.255.254", 0))
        except OSError:
            return False
    return True
