"""Anthropic's ``/v1/messages`` as vLLM serves it."""

from __future__ import annotations

from typing import Any

import msgspec

from modelyard.sim import tokens
from modelyard.sim.api.bodies import Ask, decode, rendered, text_of
from modelyard.sim.api.errors import invalid_body
from modelyard.sim.api.job import Job
from modelyard.sim.engine import Emission

_encode = msgspec.json.encode


class Turn(msgspec.Struct, kw_only=True):
    role: str
    content: Any


class CountBody(msgspec.Struct, kw_only=True):
    model: str
    messages: list[Turn]
    system: Any = None
    tools: Any = None


class MessagesBody(CountBody, kw_only=True):
    max_tokens: int
    stream: bool | None = None
    stop_sequences: list[str] | None = None


class Messages:
    """Anthropic messages with one text block as content."""

    def ask(self, body: bytes) -> Ask:
        request = decode(body, MessagesBody)
        if request.max_tokens < 1:
            raise invalid_body("max_tokens must be positive", "max_tokens")
        prompt, last = _prompt(request)
        return Ask(
            model=request.model,
            prompts=[prompt],
            echoes=[last],
            limit=request.max_tokens,
            stop=tuple(request.stop_sequences or ()),
            stream=bool(request.stream),
        )

    def whole(self, job: Job) -> dict[str, Any]:
        return {
            **_message(job),
            "content": [{"type": "text", "text": job.text}],
            "usage": _usage(job),
            **_stopped(job),
        }

    def stream(self, job: Job) -> MessageStream:
        return MessageStream(job)


class MessageStream:
    """Events of one message."""

    __slots__ = ("_job", "_started")

    def __init__(self, job: Job) -> None:
        self._job = job
        self._started = False

    def opening(self) -> bytes:
        return b""

    def token(self, emission: Emission) -> bytes:
        head = b""
        if not self._started:
            self._started = True
            message = {**_message(self._job), "content": [], "stop_reason": None, "stop_sequence": None}
            message["usage"] = {"input_tokens": self._job.prompt_tokens, "output_tokens": 0}
            head = _event("message_start", message=message)
            head += _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        delta = {"type": "text_delta", "text": emission.piece}
        return head + _event("content_block_delta", index=0, delta=delta)

    def closing(self) -> bytes:
        return b"".join(
            (
                _event("content_block_stop", index=0),
                _event("message_delta", delta=_stopped(self._job), usage=_usage(self._job)),
                _event("message_stop"),
            )
        )


def count_tokens(body: bytes) -> tuple[str, int]:
    """Model and prompt tokens of a ``/v1/messages/count_tokens`` body."""
    request = decode(body, CountBody)
    return request.model, tokens.count(_prompt(request)[0])


def _prompt(request: CountBody) -> tuple[bytes, str]:
    if not request.messages:
        raise invalid_body("List should have at least 1 item", "messages")
    turns = [(turn.role, text_of(turn.content)) for turn in request.messages]
    preface = [("tools", _encode(request.tools).decode())] if request.tools else []
    if request.system:
        preface.append(("system", text_of(request.system)))
    return rendered(preface + turns), turns[-1][1]


def _event(kind: str, **fields: Any) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), _encode({"type": kind, **fields}))


def _message(job: Job) -> dict[str, Any]:
    return {"id": f"msg_{job.id}", "type": "message", "role": "assistant", "model": job.model}


def _stopped(job: Job) -> dict[str, Any]:
    sequence = job.sequences[0]
    stop = sequence.answer.stop_reason if sequence.answer else None
    if stop is not None:
        return {"stop_reason": "stop_sequence", "stop_sequence": stop}
    reason = "max_tokens" if sequence.finish_reason == "length" else "end_turn"
    return {"stop_reason": reason, "stop_sequence": None}


def _usage(job: Job) -> dict[str, Any]:
    """Anthropic counts cached prompt tokens apart from ``input_tokens``."""
    return {
        "input_tokens": job.prompt_tokens - job.cached_tokens,
        "output_tokens": job.completion_tokens,
        "cache_read_input_tokens": job.cached_tokens,
    }
