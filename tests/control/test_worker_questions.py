from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

import pytest

from modelyard.admin.source import ExplainUnavailable
from modelyard.control import worker_questions
from modelyard.control.worker_handle import Worker
from modelyard.control.worker_questions import WorkerQuestions
from modelyard.worker import protocol


def asked(questions: WorkerQuestions) -> Coroutine[Any, Any, dict[str, Any]]:
    return questions.explain(Worker(0), "g/w:80", b"GET / HTTP/1.1\r\n\r\n", b"")


def test_answers_find_their_questions() -> None:
    async def test() -> None:
        questions = WorkerQuestions()
        first, second = (asyncio.create_task(asked(questions)) for _ in range(2))
        await asyncio.sleep(0)
        questions.take(protocol.Explained(id=2, error="no such route"))
        questions.take(protocol.Explained(id=1, answer={"a": 1}))
        questions.take(protocol.Explained(id=3, answer={"nobody": "asked"}))
        assert await first == {"a": 1}
        with pytest.raises(ValueError, match="no such route"):
            await second

    asyncio.run(test())


def test_a_worker_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_questions, "_SECONDS", 0.01)
    with pytest.raises(ExplainUnavailable):
        asyncio.run(asked(WorkerQuestions()))


def connected(number: int) -> tuple[Worker, list[protocol.Message]]:
    """A worker, and what it is sent."""
    worker, sent = Worker(number), list[protocol.Message]()
    worker.send = sent.append  # type: ignore[method-assign]
    worker.writer = cast("asyncio.StreamWriter", object())
    return worker, sent


def test_counts_of_all_workers_are_waited_for() -> None:
    async def test() -> None:
        questions = WorkerQuestions()
        (first, to_first), (second, to_second) = connected(0), connected(1)
        waiting = asyncio.create_task(questions.counts([first, Worker(2), second]))
        await asyncio.sleep(0)
        for sent in (to_first, to_second):
            (question,) = sent
            assert isinstance(question, protocol.Report)
            assert not waiting.done()
            questions.take_counts(protocol.Stats(worker=0))
            questions.take_counts(protocol.Stats(worker=0, report=question.id))
            await asyncio.sleep(0)
        await waiting

    asyncio.run(test())


def test_counts_of_a_worker_that_hangs_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_questions, "_COUNTS_SECONDS", 0.01)
    questions = WorkerQuestions()
    asyncio.run(questions.counts([connected(0)[0]]))
    questions.take_counts(protocol.Stats(worker=0, report=1))


def test_counts_of_nobody() -> None:
    asyncio.run(WorkerQuestions().counts([Worker(0)]))
