"""The end of a yard: asked for, it waits for open streams; killed, it still leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from pathlib import Path

import pytest

from modelyard.cli.exit_codes import ExitCode

from .conftest import YardPlace
from .running_yard import ENGINE, QUICKSTART, RunningYard, is_open, until, working_place
from .streams import Load, run, soon

pytestmark = ENGINE
STREAMS = 8
TOKENS = 1900
KILLED_BOUND = 20.0
"""Seconds within which everything must be gone. The watchdogs give engines 3 s; a worker looks for endpoints every
second, and each of the parts needs a moment on a busy machine."""


def sockets_of(yard: RunningYard) -> list[str]:
    """Where the yard listens: Gateway, admin, replicas."""
    admin = next(event["admin"] for event in yard.events if event["event"] == "starting")
    replicas = [f"{item['address']}:8000" for item in yard.replicas().values()]
    return [f"127.0.0.1:{yard.port}", admin.removeprefix("http://"), *replicas]


def check_nothing_left(yard: RunningYard, before: set[int], sockets: list[str], since: float, seconds: float) -> None:
    def left() -> list[str]:
        processes = [place for pid in before | yard.leftovers() if str(yard.home) in (place := working_place(pid))]
        return processes + [address for address in sockets if is_open(address)]

    until(lambda: not left(), "nothing left", seconds)
    print(f"\nnothing left after {time.monotonic() - since:.1f} s; there were {len(before)} processes")


def test_stop_lets_open_streams_finish_and_leaves_nothing(yard: RunningYard) -> None:
    sockets, family = sockets_of(yard), yard.leftovers()
    assert all(map(is_open, sockets))
    load = Load(yard.address, "demo-llama", TOKENS)

    async def stop() -> None:
        await soon(lambda: sum(one.open for one in load.streams) >= STREAMS // 2, "streams are open")
        said = asyncio.create_task(asyncio.to_thread(yard.cli, "stop", "--output", "json"))
        await asyncio.to_thread(until, lambda: not is_open(sockets[0]), "no new connections are taken")
        assert any(one.open for one in load.streams), "the streams were over before the drain began"
        assert json.loads(await said) == {"stopped": True, "pid": yard.pid}

    async def test() -> None:
        await asyncio.gather(stop(), load.run(STREAMS, more=lambda: len(load.streams) < STREAMS))

    run(test)
    assert all(one.whole and one.usage["completion_tokens"] == TOKENS for one in load.streams)
    assert yard.exit_code(5) == ExitCode.OK
    check_nothing_left(yard, family, sockets, time.monotonic(), 5.0)
    assert not (yard.home / "yard.json").exists()


@pytest.fixture
def small_yard(tmp_path: Path, yard_place: YardPlace) -> RunningYard:
    """One replica; it starts in half the time. The shared yard makes room."""
    yard_place.end()
    models = (QUICKSTART / "models.yaml").read_text().replace("  replicas: 2", "  replicas: 0")
    return RunningYard(tmp_path, {"gateway.yaml": (QUICKSTART / "gateway.yaml").read_text(), "models.yaml": models})


def test_a_killed_control_process_leaves_nothing(small_yard: RunningYard) -> None:
    small_yard.start()
    try:
        sockets, family = sockets_of(small_yard), small_yard.leftovers()
        load = Load(small_yard.address, "demo-alpaca", TOKENS)
        killed_at: list[float] = []

        async def kill() -> None:
            await soon(lambda: sum(one.open for one in load.streams) >= STREAMS // 2, "streams are open")
            small_yard.signal(signal.SIGKILL)
            killed_at.append(time.monotonic())

        async def test() -> None:
            await asyncio.gather(kill(), load.run(STREAMS, more=lambda: len(load.streams) < STREAMS))

        run(test)
        assert any(one.visibly_broken or one.aborted for one in load.streams), "the streams were over before the kill"
        assert all(one.whole or one.visibly_broken or one.status >= 500 for one in load.streams), load.streams
        check_nothing_left(small_yard, family, sockets, killed_at[0], KILLED_BOUND)
    finally:
        small_yard.end()
