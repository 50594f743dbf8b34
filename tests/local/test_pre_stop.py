from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from modelyard.local.pre_stop import PreStop, is_shell, run_hook, sleep_seconds
from modelyard.local.probes import Exec
from modelyard.resources.probes import ExecAction


@pytest.mark.parametrize(
    ("command", "seconds"),
    [
        (["sleep", "30"], 30.0),
        (["/usr/bin/sleep", "2.5"], 2.5),
        (["/bin/sleep", "2m"], 120.0),
        (["sh", "-c", "sleep 15"], 15.0),
        (["/bin/bash", "-c", "exec sleep 15s"], 15.0),
        (["sh", "-c", "sleep 15; curl localhost"], None),
        (["sh", "-c", "sleep 'unfinished"], None),
        (["sleep", "forever"], None),
        (["curl", "30"], None),
        ([], None),
    ],
)
def test_sleeps_are_recognised(command: list[str], seconds: float | None) -> None:
    assert sleep_seconds(ExecAction(command=tuple(command))) == seconds


def test_shells_are_recognised() -> None:
    assert is_shell(ExecAction(command=("/bin/sh", "-c", "x")))
    assert not is_shell(ExecAction(command=("/usr/bin/curl", "x")))
    assert not is_shell(ExecAction())


def test_a_hook_that_fails_says_so(tmp_path: Path) -> None:
    def run(code: str, seconds: float = 30.0) -> str:
        hook = PreStop(action=Exec(command=(sys.executable, "-c", code)))
        return asyncio.run(run_hook(hook, env=os.environ, directory=tmp_path, seconds=seconds))

    assert run("open('ran', 'w')") == ""
    assert (tmp_path / "ran").exists()
    assert "ended with 3" in run("raise SystemExit(3)")
    assert "failed" in run("", seconds=0.0)
