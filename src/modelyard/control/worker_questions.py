"""Questions to a worker, and its answers, which come when they come."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from modelyard.admin.source import ExplainUnavailable
from modelyard.control.worker_handle import Worker
from modelyard.worker import protocol

_SECONDS = 10.0


class WorkerQuestions:
    """Asks where requests would go."""

    def __init__(self) -> None:
        self._open: dict[int, asyncio.Future[dict[str, Any]]] = {}
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

    def take(self, message: protocol.Explained) -> None:
        """An answer has come; one that nobody waits for any more is dropped."""
        question = self._open.get(message.id)
        if question is not None and not question.done():
            if message.error:
                question.set_exception(ValueError(message.error))
            else:
                question.set_result(message.answer)
