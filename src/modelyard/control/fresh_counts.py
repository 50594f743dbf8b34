"""What workers have counted up to now, asked for by many at once."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Sequence
from typing import NamedTuple

from modelyard.control.worker_handle import Worker
from modelyard.worker import protocol

_SECONDS = 0.5


class _Question(NamedTuple):
    writer: asyncio.StreamWriter | None
    """The connection over which it was asked."""
    answered: asyncio.Event


class FreshCounts:
    """Has workers report. However many ask, a worker has one question at a time: one that is stopped reads nothing, and
    what it is sent would pile up."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = workers
        self._ids = itertools.count(1)
        self._open: dict[int, _Question] = {}
        """By id."""
        self._last: dict[int, int] = {}
        """Number of a worker -> id of its last question."""
        self._turn = asyncio.Lock()
        self._next: asyncio.Task[None] | None = None
        """A round in which nobody was asked yet."""

    async def now(self) -> None:
        """Have every worker report what it counts, all at once. Of one that does not in half a second, because it is
        stopped or compiles a large configuration, the last report stands. A round under way may have been answered
        before this call, so callers share the one that follows it."""
        if self._next is None:
            self._next = asyncio.create_task(self._round())
        await asyncio.shield(self._next)

    def take(self, message: protocol.Stats) -> None:
        """A report has come; one that nobody asked for is nothing here."""
        question = self._open.pop(message.report, None)
        if question is not None:
            question.answered.set()

    async def _round(self) -> None:
        async with self._turn:
            self._next = None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SECONDS), asyncio.TaskGroup() as group:
                    for worker in self._workers:
                        if worker.connected:
                            group.create_task(self._ask(worker))

    async def _ask(self, worker: Worker) -> None:
        """Ask, once the last question is answered: that answer may be on its way since before."""
        last = self._last.get(worker.number, 0)
        before = self._open.get(last)
        if before is not None:
            if before.writer is worker.writer:
                await before.answered.wait()
            else:  # went with its connection
                del self._open[last]
        self._last[worker.number] = number = next(self._ids)
        self._open[number] = question = _Question(worker.writer, asyncio.Event())
        worker.send(protocol.Report(id=number))
        await question.answered.wait()
