"""The end of a yard that is killed: streams break visibly, and still nothing is left behind."""

from __future__ import annotations

import asyncio
import signal
import time

from .running_yard import ENGINE, RunningYard
from .streams import Load, run, soon
from .traces import Traces, check_nothing_left

pytestmark = ENGINE
CLIENTS = 8
TOKENS = 1000
KILLED_BOUND = 20.0
"""Seconds within which everything must be gone. The watchdogs give engines 3 s; a worker looks for endpoints every
second, and each of the parts needs a moment on a busy machine."""


def test_a_killed_control_process_leaves_nothing(three_replicas: RunningYard) -> None:
    yard = three_replicas
    traces = Traces.of(yard)
    load = Load(yard.address, "demo-llama", TOKENS)
    killed_at: list[float] = []

    async def kill() -> None:
        await soon(lambda: sum(one.open for one in load.streams) >= CLIENTS // 2, "streams are open")
        yard.signal(signal.SIGKILL)
        killed_at.append(time.monotonic())

    async def test() -> None:
        await asyncio.gather(kill(), load.until_refused(CLIENTS))

    run(test)
    begun = [one for one in load.streams if one.status == 200]
    assert any(one.asked < killed_at[0] < one.ended for one in begun), "no stream was open: the test shows nothing"
    # Engines have 3 s to end: on a fast machine that may do for every stream.
    assert all(one.whole or one.visibly_broken for one in begun), [one for one in begun if not one.whole]
    # 500 is the engine's own: a dying vLLM answers so.
    assert {one.status for one in load.streams} <= {0, 200, 500, 502, 503}
    assert all(one.ended > killed_at[0] for one in load.refused)
    check_nothing_left(yard, traces, killed_at[0], KILLED_BOUND)
