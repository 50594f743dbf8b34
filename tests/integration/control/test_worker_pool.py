"""Workers that hang are replaced."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from modelyard.control import worker_keeper
from modelyard.control.worker_pool import WorkerPool

pytestmark = pytest.mark.integration


async def _until(condition: object, seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is awaited happens in another process
            await asyncio.sleep(0.02)


def test_a_worker_that_says_nothing_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_keeper, "_SILENCE_SECONDS", 3.0)

    async def run() -> None:
        pool = WorkerPool(1, tmp_path / "w.sock", access_log="", on_failure=lambda address, at: None)
        worker = pool.workers[0]
        assert not await pool.listen()
        pool.start()
        try:
            await _until(lambda: worker.connected)
            assert worker.process is not None
            first = worker.process.pid
            os.kill(first, signal.SIGSTOP)
            await _until(lambda: worker.restarts == 1 and worker.connected, 30.0)
            assert worker.process.pid != first
        finally:
            await pool.stop(0.0)

    asyncio.run(run())
