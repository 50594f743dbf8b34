from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

import pytest

from modelyard.control import fresh_counts
from modelyard.control.fresh_counts import FreshCounts
from modelyard.control.worker_handle import Worker
from modelyard.worker import protocol


def connected(number: int) -> tuple[Worker, list[int]]:
    """A worker, and the ids of the questions that it is sent."""
    worker, sent = Worker(number), list[int]()

    def send(message: protocol.Message) -> None:
        assert isinstance(message, protocol.Report)
        sent.append(message.id)

    worker.send = send  # type: ignore[method-assign]
    reconnect(worker)
    return worker, sent


def reconnect(worker: Worker) -> None:
    worker.writer = cast("asyncio.StreamWriter", object())


def within_bounds(test: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await test

    asyncio.run(bounded())


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


def several(counts: FreshCounts) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(counts.now()) for _ in range(3)]


def test_all_workers_are_waited_for() -> None:
    async def test() -> None:
        (first, to_first), (second, to_second) = connected(0), connected(1)
        counts = FreshCounts([first, Worker(2), second])
        asking = asyncio.create_task(counts.now())
        await settle()
        for sent in (to_first, to_second):
            (number,) = sent
            counts.take(protocol.Stats(worker=0))
            await settle()
            assert not asking.done()
            counts.take(protocol.Stats(worker=0, report=number))
        await asking

    within_bounds(test())


def test_those_who_ask_at_once_share_a_question_and_later_ones_the_next() -> None:
    async def test() -> None:
        worker, sent = connected(0)
        counts = FreshCounts([worker])
        early = several(counts)
        await settle()
        assert len(sent) == 1
        late = several(counts)
        await settle()
        assert len(sent) == 1
        counts.take(protocol.Stats(worker=0, report=sent[0]))
        await asyncio.gather(*early)
        await settle()
        assert len(sent) == 2
        assert not any(asking.done() for asking in late)
        counts.take(protocol.Stats(worker=0, report=sent[1]))
        await asyncio.gather(*late)

    within_bounds(test())


def test_one_who_leaves_takes_nothing_from_the_others() -> None:
    async def test() -> None:
        worker, sent = connected(0)
        counts = FreshCounts([worker])
        leaves, *stay = several(counts)
        await settle()
        leaves.cancel()
        await settle()
        counts.take(protocol.Stats(worker=0, report=sent[0]))
        await asyncio.gather(*stay)
        assert leaves.cancelled()

    within_bounds(test())


def test_a_worker_that_hangs_is_not_waited_for_nor_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        monkeypatch.setattr(fresh_counts, "_SECONDS", 0.01)
        worker, sent = connected(0)
        counts = FreshCounts([worker])
        for _ in range(3):
            await counts.now()
        assert len(sent) == 1
        monkeypatch.undo()
        asking = asyncio.create_task(counts.now())
        await settle()
        counts.take(protocol.Stats(worker=0, report=sent[0]))  # it goes on; this answer may be an old one
        await settle()
        assert not asking.done()
        counts.take(protocol.Stats(worker=0, report=sent[1]))
        await asking
        assert len(sent) == 2

    within_bounds(test())


def test_a_question_goes_with_the_connection_that_it_was_asked_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        monkeypatch.setattr(fresh_counts, "_SECONDS", 0.01)
        worker, sent = connected(0)
        counts = FreshCounts([worker])
        await counts.now()
        worker.leave()
        await counts.now()
        reconnect(worker)
        await counts.now()
        assert len(sent) == 2

    within_bounds(test())


def test_counts_of_nobody() -> None:
    within_bounds(FreshCounts([Worker(0)]).now())
