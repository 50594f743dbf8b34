"""What a model's answer tells, and what of it is changed for the client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from modelyard.bodies.answers import observe_answer
from modelyard.bodies.errors import sse_error
from modelyard.exchange.request_state import Go, RequestState

if TYPE_CHECKING:
    from modelyard.http1.message_heads import ResponseHead

SMALL_PROMPT = 4096
"""Bytes of a prompt that may be kept for as long as its answer lasts: letting go costs more than it saves."""


class ObservedAnswer(RequestState[Go], eq=False):
    """The part of a request that follows its answer, from the head to the last byte."""

    def _observe(self, head: ResponseHead) -> None:
        content_type = head.by_name.get("content-type", "")
        self._streams_events = self.holds_head = content_type.startswith("text/event-stream")
        rename = self.facts.model if self.renames else None
        self._observer = observer = observe_answer(content_type, head.by_name.get("content-encoding", ""), rename)
        self.changes_length = observer.changes_length

    def forget_request(self) -> None:
        """The answer has begun, so no other attempt comes: a long prompt must not be kept as long as its stream."""
        self.body = self._pick = self._client_body = None
        if len(self.facts.prompt) > SMALL_PROMPT:
            self.facts = replace(self.facts, prompt=b"")

    def on_response_data(self, chunk: bytes) -> bytes:
        """Body bytes from the endpoint -> body bytes for the client (the same object when nothing changes)."""
        observer = self._observer
        return chunk if observer is None else observer.feed(chunk)

    def on_response_end(self) -> bytes:
        """The endpoint's answer is complete; what was held back comes now."""
        return b"" if self._observer is None else self._observer.finish()

    def on_response_broken(self) -> bytes:
        """The endpoint broke off after its first byte: what makes that visible inside the body."""
        observer = self._observer
        if observer is None or not self._streams_events:
            return b""
        message = "The model server broke off before the answer was complete: send the request again."
        return sse_error(message, "upstream_broken", self.facts.dialect, mid_event=observer.mid_event)

    def _note_usage(self) -> None:
        """What the answer said of its tokens, for the record."""
        observer, record = self._observer, self.record
        usage = None if observer is None else observer.usage
        if usage is not None:
            record.input_tokens = usage.input_tokens
            record.output_tokens = usage.output_tokens
            record.cached_tokens = usage.cached_tokens
