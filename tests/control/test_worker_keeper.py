from __future__ import annotations

import asyncio
import sys

import pytest

from modelyard.control import worker_keeper
from modelyard.control.worker_handle import Worker
from modelyard.control.worker_keeper import WorkerKeeper


def test_a_worker_that_cannot_be_started_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []
    worker = Worker(0)
    keeper = WorkerKeeper(worker, ("program", "argument"))

    async def refuse(*command: str, **options: object) -> None:
        tries.append(command)
        keeper.stopping = len(tries) == 3
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(worker_keeper.asyncio, "create_subprocess_exec", refuse)
    monkeypatch.setattr(worker_keeper, "_FIRST_PAUSE", 0.001)

    async def test() -> None:
        async with asyncio.timeout(5):
            await keeper.run()

    asyncio.run(test())
    assert tries == [("program", "argument")] * 3
    assert worker.restarts == 2


def test_nothing_is_started_once_it_is_to_stop() -> None:
    worker = Worker(0)
    keeper = WorkerKeeper(worker, ("/does/not/exist",))
    keeper.stopping = True
    asyncio.run(keeper.run())
    assert worker.process is None


def test_ctrl_c_that_ends_a_worker_first_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    worker = Worker(0)
    keeper = WorkerKeeper(worker, (sys.executable, "-S", "-c", "import os; os.kill(os.getpid(), 2)"))

    async def test() -> None:
        async with asyncio.timeout(20):
            running = asyncio.create_task(keeper.run())
            while worker.process is None:  # noqa: ASYNC110 - a state of the process, which tells nobody
                await asyncio.sleep(0.005)
            await worker.process.wait()
            keeper.stopping = True
            await running

    asyncio.run(test())
    assert (worker.restarts, caplog.messages) == (0, [])
