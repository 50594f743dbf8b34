from __future__ import annotations

import sys
from pathlib import Path

import pytest

from modelyard.local import machine
from modelyard.local.engines import VllmEngine
from modelyard.local.home import Home
from modelyard.local.replica_plan import EngineMode


def engine(*, cpu: bool) -> VllmEngine:
    return VllmEngine(python="/py", version="1", cpu_build=cpu, found_by="a test")


@pytest.mark.parametrize(("cpu", "devices", "gpu"), [(True, True, False), (False, True, True), (False, False, False)])
def test_a_gpu_counts_where_the_engine_can_use_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cpu: bool, devices: bool, gpu: bool
) -> None:
    device = tmp_path / "gpu0"
    if devices:
        device.touch()
    monkeypatch.setattr(machine, "_GPU_DEVICES", (str(device),))
    facts = machine.read_machine(engine(cpu=cpu))
    assert facts.has_gpu is gpu
    assert facts.cores >= 1
    assert facts.memory_bytes > 1 << 26


def test_the_engine_follows_the_mode(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    monkeypatch.setattr(machine, "find_vllm", lambda: engine(cpu=True))
    real = machine.read_context(home, EngineMode.AUTO)
    assert (real.engine.kind, real.engine.command[0], real.engine_problem) == ("vllm", "/py", "")
    monkeypatch.setattr(machine, "find_vllm", lambda: None)
    assert "engines install vllm" in machine.read_context(home, EngineMode.AUTO).engine_problem
    simulated = machine.read_context(home, EngineMode.SIM)
    assert (simulated.engine.kind, simulated.engine.command[0]) == ("simulator", sys.executable)
    assert simulated.engine_problem == ""
