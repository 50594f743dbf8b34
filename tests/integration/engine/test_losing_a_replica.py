"""A replica that is killed, or stands still, under a load of streams."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter

import pytest

from .running_yard import ENGINE, RunningYard, until
from .streams import BOUND, Load, Stream, run, soon

pytestmark = [pytest.mark.timeout(1800), *ENGINE]
CLIENTS = 16
REQUESTS = 80
TOKENS = 250
POOL = "demo-llama"
VICTIM = "demo-llama-0"
BACK_SECONDS = 400.0
"""An engine loads meanwhile."""
SERVING_SECONDS = 60.0
LIMIT = BACK_SECONDS + BOUND
ELSEWHERE = 40
"""Requests that must be served while a replica stands still."""


def seconds_until(yard: RunningYard, ready: bool, since: float) -> float:
    """How long after ``since`` the gateway saw the victim so."""
    until(lambda: yard.endpoints(POOL)[VICTIM]["ready"] is ready, f"{VICTIM} {ready=}", BACK_SECONDS)
    return time.monotonic() - since


async def until_serving(yard: RunningYard, load: Load, address: str) -> None:
    """Ask until ``address`` answers again."""
    before = len(load.streams)

    def served() -> bool:
        return any(one.whole and one.replica == address for one in load.streams[before:])

    end = time.monotonic() + SERVING_SECONDS
    await load.run(4, more=lambda: not served() and time.monotonic() < end)
    assert served(), f"{address} answers nothing"


def test_killing_one_of_two_replicas_loses_no_request_that_had_not_started(yard: RunningYard) -> None:
    item = next(row for row in yard.cli_json("ps")["replicas"] if row["name"] == VICTIM)
    address = f"{item['address']}:8000"
    load = Load(yard.address, POOL, tokens=TOKENS)
    killed_at: list[float] = []
    out: list[float] = []

    async def kill() -> None:
        await soon(lambda: load.finished > REQUESTS // 4 and len(load.just_begun_at(address)) >= 3, "streams", 120)
        os.kill(item["pid"], signal.SIGKILL)
        killed_at.append(time.monotonic())
        out.append(await asyncio.to_thread(seconds_until, yard, False, killed_at[0]))

    async def test() -> None:
        killing = asyncio.create_task(kill())
        await load.run(CLIENTS, more=lambda: len(load.streams) < REQUESTS or not killing.done())
        await killing

    async def back() -> None:
        seconds = await asyncio.to_thread(seconds_until, yard, True, killed_at[0])
        print(f"ready again after {seconds:.1f} s")
        await until_serving(yard, load, address)

    run(test, LIMIT)
    print(f"\nkilled under {CLIENTS} clients: taken out after {out[0]:.2f} s; {tally(load.streams)}")
    check(load.streams, address)
    run(back, LIMIT)
    assert all(one.whole for one in load.streams if one.asked > killed_at[0] + out[0])
    now = yard.replicas()[VICTIM]
    assert (now["restarts"], now["ready"], now["last_exit"]) == (item["restarts"] + 1, True, 128 + signal.SIGKILL)
    assert now["pid"] != item["pid"]


def check(streams: list[Stream], victim: str) -> None:
    """Whole, or begun at the victim and visibly broken; nothing else."""
    broken = [one for one in streams if not one.whole]
    assert broken, "nothing was open at the victim: the test shows nothing"
    for one in broken:
        assert one.started, one
        assert one.replica == victim, one
        assert one.visibly_broken, one
    for one in streams:
        if one.whole:
            assert one.usage["completion_tokens"] == TOKENS


def tally(streams: list[Stream]) -> str:
    """What came of how many."""
    counts = Counter("whole" if one.whole else "broken in the middle" for one in streams)
    return f"{len(streams)} requests: {dict(counts)}"


def test_a_replica_that_stands_still_gets_no_new_requests(yard: RunningYard) -> None:
    item = yard.replicas()[VICTIM]
    address = f"{item['address']}:8000"
    load = Load(yard.address, POOL, tokens=20)
    known: list[int] = []
    """How many requests had been asked when the gateway had seen it and one had gone elsewhere."""

    async def pause() -> None:
        await soon(lambda: any(one.replica == address for one in load.streams), "traffic at the victim")
        os.kill(item["pid"], signal.SIGSTOP)
        stopped_at = time.monotonic()
        try:
            seconds = await asyncio.to_thread(seconds_until, yard, False, stopped_at)
            print(f"\nstopped: out of rotation after {seconds:.2f} s")
            told = len(load.streams)
            await soon(lambda: any(one.ended for one in load.streams[told:]), "the workers know")
            known.append(len(load.streams))
            await soon(lambda: sum(one.whole for one in load.streams[known[0] :]) >= ELSEWHERE, "answers", 60)
            known.append(len(load.streams))
        finally:
            os.kill(item["pid"], signal.SIGCONT)

    async def test() -> None:
        pausing = asyncio.create_task(pause())
        await load.run(CLIENTS, more=lambda: not pausing.done())
        await pausing
        await until_serving(yard, load, address)

    run(test, LIMIT)
    assert all(one.whole for one in load.streams), [one for one in load.streams if not one.whole][:3]
    later = [one for one in load.streams[known[0] : known[1]] if one.ended]
    assert {one.replica for one in later[:ELSEWHERE]} == {f"{yard.replicas()['demo-llama-1']['address']}:8000"}
    assert yard.replicas()[VICTIM]["pid"] == item["pid"]
