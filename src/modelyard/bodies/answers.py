"""Observing what an endpoint answers: token usage, the first token, and the model's name where it must change."""

from __future__ import annotations

from typing import Protocol

from modelyard.bodies.facts import Usage


class AnswerObserver(Protocol):
    """One response body on its way to the client.

    ``feed`` gets each chunk as it came (any split) and returns what goes on: the same object when nothing changes.
    ``finish`` returns what was held back at the end. A broken stream is not finished: what was held back is dropped.
    """

    changes_length: bool
    """The body may get another length: the caller must not pass Content-Length on (chunked coding instead), or collect
    all that ``feed`` and ``finish`` return before it sends the head."""
    first_token_seen: bool
    """A chunk with generated content has passed."""

    @property
    def usage(self) -> Usage | None:
        """What the answer has reported so far; None: nothing."""
        ...

    @property
    def mid_event(self) -> bool:
        """The bytes passed on so far end inside an event of a stream (``errors.sse_error`` closes it first)."""
        ...

    def feed(self, chunk: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


def observe_answer(content_type: str, content_encoding: str = "", model: str | None = None) -> AnswerObserver:
    """The observer for a response head. ``model``: name to show in place of the engine's; None: change nothing."""
    raise NotImplementedError
