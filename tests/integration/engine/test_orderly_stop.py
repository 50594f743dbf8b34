"""The end of a yard that is asked for: it waits for open streams, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import time

from modelyard.cli.exit_codes import ExitCode

from .conftest import DRAIN_SECONDS
from .running_yard import ENGINE, RunningYard, is_open, until
from .streams import Load, Stream, run, soon
from .traces import Traces, check_nothing_left

pytestmark = ENGINE
CLIENTS = 8
TOKENS = 1000
STOP_SECONDS = DRAIN_SECONDS + 30


def test_stop_lets_open_streams_finish_and_leaves_nothing(yard: RunningYard) -> None:
    traces = Traces.of(yard)
    load = Load(yard.address, "demo-llama", TOKENS)
    drained: list[Stream] = []

    async def stop() -> None:
        await soon(lambda: sum(one.open for one in load.streams) >= CLIENTS // 2, "streams are open")
        command = ("stop", "--timeout", str(STOP_SECONDS), "--output", "json")
        said = asyncio.create_task(asyncio.to_thread(yard.cli, *command))
        await asyncio.to_thread(until, lambda: not is_open(traces.addresses[0]), "no new connections are taken")
        drained.extend(one for one in load.streams if one.open)
        assert json.loads(await said) == {"stopped": True, "pid": yard.pid}

    async def test() -> None:
        await asyncio.gather(stop(), load.until_refused(CLIENTS))

    run(test)
    assert drained, "no stream was open when the drain began: the test shows nothing"
    assert all(one.whole for one in drained)
    assert all(one.whole and one.usage["completion_tokens"] == TOKENS for one in load.streams if one.started)
    assert all(one in load.refused for one in load.streams if not one.started)
    assert yard.exit_code(5) == ExitCode.OK
    check_nothing_left(yard, traces, time.monotonic(), 5.0)
    assert not (yard.home / "yard.json").exists()
