from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

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
