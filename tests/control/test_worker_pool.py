from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from modelyard.control import worker_pool
from modelyard.control.worker_pool import WorkerPool


def test_a_worker_that_cannot_be_started_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    async def refuse(*command: str, **options: object) -> None:
        tries.append(command)
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(worker_pool.asyncio, "create_subprocess_exec", refuse)
    monkeypatch.setattr(worker_pool, "_FIRST_PAUSE", 0.001)

    async def test() -> None:
        pool = WorkerPool(1, tmp_path / "s", access_log="", on_failure=lambda address, at: None)
        await pool.listen()
        pool.start()
        async with asyncio.timeout(5):
            while len(tries) < 3:  # noqa: ASYNC110 - the state is in the list
                await asyncio.sleep(0.005)
        await pool.stop(0.0)

    asyncio.run(test())
