from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from modelyard.control import left_behind
from modelyard.control.ext_proc.port_lock import PortLock
from modelyard.control.left_behind import Ended, end_left_behind, running_beside
from modelyard.worker import protocol


async def worker_of(path: Path, pid: int) -> protocol.ToWorker | None:
    """A worker that looks for a control process; what that tells it first."""
    while True:
        try:
            reader, writer = await asyncio.open_unix_connection(str(path))
        except OSError:
            await asyncio.sleep(0.005)
        else:
            break
    writer.write(protocol.frame(protocol.Hello(worker=0, pid=pid)))
    told = await protocol.read_to_worker(reader)
    writer.close()
    return told


def test_workers_that_nobody_looks_after_are_drained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_behind, "_REPORT_SECONDS", 1.0)
    orphaned, alive = tmp_path / "epp-127.0.0.1-9002.sock", tmp_path / "bbr-127.0.0.1-9004.sock"
    for path in (orphaned, alive):
        path.touch()
    lock = PortLock(alive.with_suffix(".lock"))

    async def test() -> tuple[list[Ended], list[protocol.ToWorker | None]]:
        async with asyncio.timeout(10):
            workers = [asyncio.create_task(worker_of(orphaned, pid)) for pid in (11, 12)]
            ended = await end_left_behind([alive, orphaned], 5.0, 5.0)
            return ended, [await worker for worker in workers]

    ended, told = asyncio.run(test())
    assert {one.pid for one in ended} == {11, 12}
    assert {one.of for one in ended} == {"epp-127.0.0.1-9002"}
    assert told == [protocol.Drain(seconds=5.0)] * 2
    assert (orphaned.exists(), alive.exists()) == (False, True)
    assert [one.of for one in running_beside(tmp_path)] == ["bbr-127.0.0.1-9004"]
    lock.remove()
    assert running_beside(tmp_path) == []
