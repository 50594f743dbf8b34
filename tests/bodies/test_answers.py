from __future__ import annotations

import pytest

from modelyard.bodies.answers import AnswerObserver, UnreadAnswer, observe_answer
from modelyard.bodies.json_answers import JsonObserver, JsonRenamer
from modelyard.bodies.sse_answers import SseObserver, SseRenamer


@pytest.mark.parametrize(
    ("content_type", "encoding", "model", "kind"),
    [
        ("text/event-stream", "", None, SseObserver),
        ("Text/Event-Stream; charset=utf-8", "identity", "a", SseRenamer),
        ("application/json", "", None, JsonObserver),
        ("application/problem+json", "", "a", JsonRenamer),
        ("application/json", "gzip", "a", UnreadAnswer),
        ("text/event-stream", "br", None, UnreadAnswer),
        ("audio/mpeg", "", "a", UnreadAnswer),
        ("", "", "a", UnreadAnswer),
    ],
)
def test_the_head_decides(content_type: str, encoding: str, model: str | None, kind: type) -> None:
    observer = observe_answer(content_type, encoding, model)
    assert type(observer) is kind
    assert observer.changes_length is kind.__name__.endswith("Renamer")
    assert observer.mid_event is kind.__name__.startswith("Sse")


@pytest.mark.parametrize("content_type", ["text/event-stream", "application/json", "audio/mpeg"])
@pytest.mark.parametrize("model", [None, "client"])
def test_observers_keep_one_contract(content_type: str, model: str | None) -> None:
    observer: AnswerObserver = observe_answer(content_type, "", model)
    assert observer.usage is None
    assert not observer.first_token_seen
    chunks = [b"", b"\x00\xff", b'{"model":', b"\n\n", b""]
    result = b"".join(map(observer.feed, chunks)) + observer.finish()
    assert result == b"".join(chunks)
    assert observer.usage is None


def test_an_unread_answer_passes_as_it_is() -> None:
    observer = observe_answer("audio/mpeg")
    chunk = b'{"model":"t","usage":{"prompt_tokens":1}}'
    assert observer.feed(chunk) is chunk
    assert observer.first_token_seen
    assert observer.finish() == b""
