"""Questions to a worker, and its answers, which come when they come."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable
from typing import Any

from modelyard.admin.source import ExplainUnavailable
from modelyard.control.worker_handle import Worker
from modelyard.worker import protocol

_SECONDS = 10.0
_COUNTS_SECONDS = 0.5


class WorkerQuestions:
    """Asks where requests would go, and what was counted up to now."""

    def __init__(self) -> None:
        self._open: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._counts: dict[int, asyncio.Future[None]] = {}
        self._ids = itertools.count(1)

    async def explain(self, worker: Worker, listener: str, head: bytes, body: bytes) -> dict[str, Any]:
        """Ask a worker. Raises :class:`ExplainUnavailable`, or ValueError where the request is malformed."""
        number = next(self._ids)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._open[number] = answer
        try:
            worker.send(protocol.Explain(id=number, listener=listener, head=head, body=body))
            async with asyncio.timeout(_SECONDS):
                return await answer
        except TimeoutError:
            raise ExplainUnavailable("the worker did not answer in time") from None
        finally:
            self._open.pop(number, None)

    async def counts(self, workers: Iterable[Worker]) -> None:
        """Have every worker report what it counts, all at once. Of one that does not in half a second, because it is
        stopped or compiles a large configuration, the last report stands."""
        loop = asyncio.get_running_loop()
        asked = {next(self._ids): worker for worker in workers if worker.connected}
        answers = {number: loop.create_future() for number in asked}
        self._counts |= answers
        try:
            for number, worker in asked.items():
                worker.send(protocol.Report(id=number))
            if answers:
                await asyncio.wait(answers.values(), timeout=_COUNTS_SECONDS)
        finally:
            for number in asked:
                del self._counts[number]

    def take_counts(self, message: protocol.Stats) -> None:
        """A report has come; one that nobody waits for is nothing here."""
        question = self._counts.get(message.report)
        if question is not None and not question.done():
            question.set_result(None)

    def take(self, message: protocol.Explained) -> None:
        """An answer has come; one that nobody waits for any more is dropped."""
        question = self._open.get(message.id)
        if question is not None and not question.done():
            if message.error:
                question.set_exception(ValueError(message.error))
            else:
                question.set_result(message.answer)
