"""Waiting for processes and states, with a bound; manifests that the simulator can run."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

BOUND = 60.0
Until = Callable[[Callable[[], bool], str], Awaitable[None]]


@pytest.fixture
def until() -> Until:
    """``await until(condition, what)``: returns as soon as the condition holds, fails after a minute."""

    async def wait(condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + BOUND
        while not condition():
            assert time.monotonic() < end, f"not within {BOUND:g} s: {what}"
            await asyncio.sleep(0.02)

    return wait


@pytest.fixture
def alive() -> Callable[[int], bool]:
    """Whether a process runs (a zombie does not)."""

    def check(pid: int) -> bool:
        try:
            os.kill(pid, 0)
            stat = Path(f"/proc/{pid}/stat")
            return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
        except (ProcessLookupError, FileNotFoundError):
            return False

    return check
