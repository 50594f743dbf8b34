from __future__ import annotations

import asyncio
import logging

import pytest

from modelyard.control import restarted as module
from modelyard.control.restarted import restarted


def test_it_is_tried_again_however_it_ends(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.0)
    tries = 0
    enough = asyncio.Event()

    async def step() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OSError("no more watches")
        if tries == 3:
            enough.set()

    async def test() -> None:
        async with asyncio.timeout(10):
            task = asyncio.create_task(restarted(step, "watching"))
            await enough.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    with caplog.at_level(logging.ERROR):
        asyncio.run(test())
    assert [record.getMessage() for record in caplog.records] == ["watching failed; it is tried again in 0 s"]
