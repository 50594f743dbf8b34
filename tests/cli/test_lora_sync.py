from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from modelyard.cli import lora_sync
from modelyard.weights.progress import Progress


def test_a_fetch_under_way_does_not_keep_the_syncer_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def fetch(source: object, root: Path, *, progress: Any, limits: object) -> None:
        begun.set()
        may_go_on.wait(60)
        try:
            progress(Progress(phase="fetching", source="org/a"))
        finally:
            ended.set()

    monkeypatch.setattr(lora_sync, "fetch", fetch)

    async def told_to_end() -> None:
        task = asyncio.ensure_future(lora_sync.fetching(tmp_path)("org/a", lambda text: None))
        async with asyncio.timeout(10):
            while not begun.is_set():  # noqa: ASYNC110 - another thread sets it
                await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait({task})

    thread = threading.Thread(target=asyncio.run, args=(told_to_end(),), daemon=True)
    thread.start()
    thread.join(10)
    stuck = thread.is_alive()
    may_go_on.set()
    assert not stuck
    assert ended.wait(10)
