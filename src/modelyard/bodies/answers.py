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
    first_token_seen: bool
    """A chunk with generated content has passed (a JSON answer: any chunk)."""

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

    def broken(self, message: str) -> bytes:
        """The answer broke off, ``finish`` is not called -> what tells the client, where the format can tell
        it."""
        ...


def observe_answer(
    dialect: str, content_type: str, content_encoding: str = "", model: str | None = None
) -> AnswerObserver | None:
    """The observer for a response head; None: nothing of such a body can be read, it passes as it is.

    ``model``: name to show in place of the engine's; None: change nothing. Compressed answers are not read,
    so the caller should not let a client's Accept-Encoding reach an endpoint whose answers must be renamed.
    """
    if content_encoding.strip().lower() not in ("", "identity"):
        return None
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        return SseObserver(dialect) if model is None else SseRenamer(dialect, model)
    if kind == "application/json" or kind.endswith("+json"):
        return JsonObserver() if model is None else JsonRenamer(model)
    return None
