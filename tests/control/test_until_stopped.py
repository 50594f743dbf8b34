from __future__ import annotations

import asyncio
import os
import signal

import pytest

from modelyard.control.until_stopped import serve_until_stopped


class Process:
    """Says what is done with it; its drain lasts until it is hurried."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.steps: list[str] = []
        self._hurried = asyncio.Event()

    async def start(self) -> None:
        self.steps.append("start")
        if self.fails:
            raise OSError("taken")

    async def stop(self) -> None:
        self.steps.append("stop")
        if not self.fails:
            await self._hurried.wait()
        self.steps.append("stopped")

    def hurry(self) -> None:
        self.steps.append("hurry")
        self._hurried.set()


async def report(steps: list[str]) -> None:
    steps.append("report")
    os.kill(os.getpid(), signal.SIGTERM)
    try:
        await asyncio.Event().wait()
    finally:
        steps.append("reported")
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGINT)


def test_the_first_signal_drains_and_the_second_cuts() -> None:
    async def test() -> list[str]:
        process = Process()
        async with asyncio.timeout(5):
            await serve_until_stopped(process, report(process.steps), 30.0)
        return process.steps

    assert asyncio.run(test()) == ["start", "report", "reported", "stop", "hurry", "stopped"]


def test_a_start_that_fails_leaves_nothing_behind() -> None:
    async def test() -> list[str]:
        process = Process(fails=True)
        with pytest.raises(OSError, match="taken"):
            await serve_until_stopped(process, report(process.steps), 30.0)
        return process.steps

    assert asyncio.run(test()) == ["start", "stop", "stopped"]
