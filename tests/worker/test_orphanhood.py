from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from modelyard.worker import orphanhood
from modelyard.worker.orphanhood import Orphanhood, any_answers


def ended(link: Any, longest: float, *addresses: str) -> float:
    """The drain that ``stop`` was called with."""

    async def test() -> float:
        stopped: list[float] = []
        async with asyncio.timeout(5):
            await Orphanhood(link, longest, 12.0).watch(lambda: addresses, stopped.append)
        return stopped[0]

    return asyncio.run(test())


def test_a_worker_ends_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphanhood, "_PAUSE", 0.001)
    assert ended(SimpleNamespace(lost_at=-1e9), 10.0) == 12.0


def test_a_worker_without_endpoints_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphanhood, "_PAUSE", 0.001)
    monkeypatch.setattr(orphanhood, "_GRACE", 0.0)
    link = cast(Any, SimpleNamespace(lost_at=0.0))
    assert ended(link, 1e9, "127.0.0.1:1") == 0.0


def test_one_endpoint_that_answers_is_enough() -> None:
    async def test() -> bool:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        found = await any_answers(["127.0.0.1:1", f"127.0.0.1:{port}"])
        server.close()
        return found

    assert asyncio.run(test())
