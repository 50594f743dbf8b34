"""Observing what an endpoint answers: token usage, the first token, and the model's name where it must
change."""

from __future__ import annotations

from typing import Protocol

from modelyard.bodies.facts import Usage
from modelyard.bodies.json_answers import JsonObserver, JsonRenamer
from modelyard.bodies.sse_answers import SseObserver, SseRenamer


class AnswerObserver(Protocol):
    """One answer's body on its way to the client."""

    changes_length: bool
    """The body may get another length: Content-Length must not be passed on (chunked coding instead), or all
    that ``feed`` and ``finish`` return must be collected before the head is sent."""
    mid_event: bool
    """The bytes passed on so far may end inside a server-sent event (``errors.sse_error`` closes it first).
    """
    first_token_seen: bool
    """A chunk with generated content has passed (not an event stream: any chunk)."""

    @property
    def usage(self) -> Usage | None:
        """What the answer has reported so far (a JSON answer: once it is complete); None: nothing."""
        ...

    def feed(self, chunk: bytes) -> bytes:
        """The next chunk, split anyhow -> what goes on to the client; the same object if nothing changes."""
        ...

    def finish(self) -> bytes:
        """The answer is complete -> what was held back."""
        ...


def observe_answer(content_type: str, content_encoding: str = "", model: str | None = None) -> AnswerObserver:
    """The observer for a response head.

    ``model``: name to show in place of the engine's; None: change nothing. Bodies of other types, and
    compressed ones, pass unread: a caller that must rename does not let the client's Accept-Encoding reach
    the endpoint.
    """
    if content_encoding.strip().lower() in ("", "identity"):
        kind = content_type.partition(";")[0].strip().lower()
        if kind == "text/event-stream":
            return SseObserver() if model is None else SseRenamer(model)
        if kind == "application/json" or kind.endswith("+json"):
            return JsonObserver() if model is None else JsonRenamer(model)
    return UnreadAnswer()


class UnreadAnswer:
    """An answer that cannot be read: audio, a compressed body."""

    __slots__ = ("first_token_seen",)

    changes_length = False
    mid_event = False
    usage: Usage | None = None

    def __init__(self) -> None:
        self.first_token_seen = False

    def feed(self, chunk: bytes) -> bytes:
        self.first_token_seen = True
        return chunk

    def finish(self) -> bytes:
        return b""
