"""The end of a yard: asked for, it waits for open streams; killed, it still leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from modelyard.cli.exit_codes import ExitCode

from .conftest import YardPlace
from .running_yard import ENGINE, QUICKSTART, RunningYard, is_open, until, working_place
from .streams import Load, Stream, run, soon

pytestmark = ENGINE
STREAMS = 8
TOKENS = 1000
KILLED_BOUND = 20.0
"""Seconds within which everything must be gone. The watchdogs give engines 3 s; a worker looks for endpoints every
second, and each of the parts needs a moment on a busy machine."""


def sockets_of(yard: RunningYard) -> list[str]:
    """Where the yard listens: Gateway, admin, replicas."""
    admin = next(event["admin"] for event in yard.events if event["event"] == "starting")
    replicas = [f"{item['address']}:8000" for item in yard.replicas().values()]
    return [f"127.0.0.1:{yard.port}", admin.removeprefix("http://"), *replicas]


@dataclass(frozen=True)
class Traces:
    """Of a yard while it runs: what must not be there afterwards."""

    family: set[int]
    addresses: list[str]
    files: set[str]

    @classmethod
    def of(cls, yard: RunningYard) -> Traces:
        traces = cls(yard.leftovers(), sockets_of(yard), yard.temporary_files())
        replicas = len(yard.replicas())
        assert all(map(is_open, traces.addresses))
        assert sum(Path(path).is_dir() for path in traces.files) == replicas, traces.files
        assert sum(Path(path).is_socket() for path in traces.files) >= replicas, traces.files
        return traces


def check_nothing_left(yard: RunningYard, traces: Traces, since: float, seconds: float) -> None:
    def left() -> list[str]:
        pids = traces.family | yard.leftovers()
        processes = [place for pid in pids if str(yard.home) in (place := working_place(pid))]
        files = [path for path in traces.files | yard.temporary_files() if Path(path).exists()]
        return processes + files + [address for address in traces.addresses if is_open(address)]

    until(lambda: not left(), "nothing left", seconds)
    took, there = time.monotonic() - since, len(traces.family)
    print(f"\nnothing left after {took:.1f} s; there were {there} processes and {len(traces.files)} temporary files")


def refused(load: Load) -> list[Stream]:
    """Requests that found nobody who takes them."""
    return [one for one in load.streams if one.ended and one.status in (0, 502, 503)]


async def until_refused(load: Load) -> None:
    """Ask from several clients without a pause, so that streams are open whenever the end comes, on machines of any
    speed; each client stops once somebody was turned away."""
    await load.run(STREAMS, more=lambda: not refused(load))


def test_stop_lets_open_streams_finish_and_leaves_nothing(yard: RunningYard) -> None:
    traces = Traces.of(yard)
    load = Load(yard.address, "demo-llama", TOKENS)
    drained: list[Stream] = []

    async def stop() -> None:
        await soon(lambda: sum(one.open for one in load.streams) >= STREAMS // 2, "streams are open")
        said = asyncio.create_task(asyncio.to_thread(yard.cli, "stop", "--output", "json"))
        await asyncio.to_thread(until, lambda: not is_open(traces.addresses[0]), "no new connections are taken")
        drained.extend(one for one in load.streams if one.open)
        assert json.loads(await said) == {"stopped": True, "pid": yard.pid}

    async def test() -> None:
        await asyncio.gather(stop(), until_refused(load))

    run(test)
    assert drained, "no stream was open when the drain began: the test shows nothing"
    assert all(one.whole for one in drained)
    assert all(one.whole and one.usage["completion_tokens"] == TOKENS for one in load.streams if one.started)
    assert all(one in refused(load) for one in load.streams if not one.started)
    assert yard.exit_code(5) == ExitCode.OK
    check_nothing_left(yard, traces, time.monotonic(), 5.0)
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
        traces = Traces.of(small_yard)
        load = Load(small_yard.address, "demo-alpaca", TOKENS)
        killed_at: list[float] = []

        async def kill() -> None:
            await soon(lambda: sum(one.open for one in load.streams) >= STREAMS // 2, "streams are open")
            small_yard.signal(signal.SIGKILL)
            killed_at.append(time.monotonic())

        async def test() -> None:
            await asyncio.gather(kill(), until_refused(load))

        run(test)
        begun = [one for one in load.streams if one.status == 200]
        assert any(one.asked < killed_at[0] < one.ended for one in begun), "no stream was open: the test shows nothing"
        # Engines have 3 s to end: on a fast machine that may do for every stream.
        assert all(one.whole or one.visibly_broken for one in begun), [one for one in begun if not one.whole]
        # 500 is the engine's own: a dying vLLM answers so.
        assert {one.status for one in load.streams} <= {0, 200, 500, 502, 503}
        assert all(one.ended > killed_at[0] for one in refused(load))
        check_nothing_left(small_yard, traces, killed_at[0], KILLED_BOUND)
    finally:
        small_yard.end()
