"""``make demo CHECK=1``: the script that it runs, simulated; the README's example runs it on real vLLM."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import YardPlace
from .running_yard import QUICKSTART, all_pids, working_place


def try_demo(home: Path, engine: str) -> str:
    """What the script prints; nothing of its yard is left."""
    command = [sys.executable, str(QUICKSTART / "check.py"), "--home", str(home), "--engine", engine]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [place for pid in all_pids() if str(home) in (place := working_place(pid))]
    return done.stdout


@pytest.mark.parametrize("engine", [pytest.param("sim", marks=pytest.mark.integration)])
def test_every_model_is_asked_and_nothing_is_left(engine: str, tmp_path: Path, yard_place: YardPlace) -> None:
    yard_place.end()
    said = try_demo(tmp_path, engine)
    assert "no-such-model is refused" in said
    assert said.endswith("stopped; all answers were as expected\n")
