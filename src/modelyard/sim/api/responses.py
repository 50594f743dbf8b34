"""``/v1/responses``: plain text in and out; earlier responses are not kept."""

from __future__ import annotations

from typing import Any

import msgspec

from modelyard.sim.api.bodies import Ask, decode, rendered, text_of
from modelyard.sim.api.errors import ApiError, bad_request, invalid_body
from modelyard.sim.api.job import FINGERPRINT, Job
from modelyard.sim.engine import Emission

_encode = msgspec.json.encode


class ResponsesBody(msgspec.Struct, kw_only=True):
    input: Any
    model: str | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    stream: bool | None = None
    previous_response_id: str | None = None
    cache_salt: str | None = None


class Responses:
    """OpenAI responses with one text message as output."""

    def ask(self, body: bytes) -> Ask:
        request = decode(body, ResponsesBody)
        if request.previous_response_id:
            message = f"Response with id '{request.previous_response_id}' not found."
            raise ApiError(404, message, kind="invalid_request_error", param="previous_response_id")
        if request.max_output_tokens is not None and request.max_output_tokens < 1:
            raise bad_request(f"max_tokens must be at least 1, got {request.max_output_tokens}.", "max_output_tokens")
        turns = _turns(request.input)
        preface = [("system", request.instructions)] if request.instructions else []
        return Ask(
            model=request.model,
            prompts=[rendered(preface + turns)],
            echoes=[turns[-1][1]],
            limit=request.max_output_tokens,
            stream=bool(request.stream),
            salt=request.cache_salt or "",
        )

    def whole(self, job: Job) -> dict[str, Any]:
        return _response(job, "completed", [_message(job, job.text, "completed")])

    def stream(self, job: Job) -> ResponseStream:
        return ResponseStream(job)


class ResponseStream:
    """Typed events of one response, numbered."""

    __slots__ = ("_job", "_number", "_started")

    def __init__(self, job: Job) -> None:
        self._job = job
        self._number = 0
        self._started = False

    def opening(self) -> bytes:
        response = _response(self._job, "in_progress", [])
        return self._event("response.created", response=response) + self._event(
            "response.in_progress", response=response
        )

    def token(self, emission: Emission) -> bytes:
        head = b""
        if not self._started:
            self._started = True
            item = _message(self._job, None, "in_progress")
            head = self._event("response.output_item.added", output_index=0, item=item)
            head += self._event("response.content_part.added", **self._place(), part=_part(""))
        delta = {"delta": emission.piece, "logprobs": []}
        return head + self._event("response.output_text.delta", **self._place(), **delta)

    def closing(self) -> bytes:
        text = self._job.text
        item = _message(self._job, text, "completed")
        return b"".join(
            (
                self._event("response.output_text.done", **self._place(), text=text, logprobs=[]),
                self._event("response.content_part.done", **self._place(), part=_part(text)),
                self._event("response.output_item.done", output_index=0, item=item),
                self._event("response.completed", response=_response(self._job, "completed", [item])),
            )
        )

    def _place(self) -> dict[str, Any]:
        return {"item_id": f"msg_{self._job.id}", "output_index": 0, "content_index": 0}

    def _event(self, kind: str, **fields: Any) -> bytes:
        event = {"type": kind, "sequence_number": self._number, **fields}
        self._number += 1
        return b"event: %s\ndata: %s\n\n" % (kind.encode(), _encode(event))


def _turns(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [("user", value)]
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return [(str(item.get("role", item.get("type", "user"))), text_of(item.get("content"))) for item in value]
    raise invalid_body("Expected a string or a list of input items", "input")


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _message(job: Job, text: str | None, status: str) -> dict[str, Any]:
    content = [] if text is None else [_part(text)]
    return {
        "id": f"msg_{job.id}",
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": content,
    }


def _response(job: Job, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
    """vLLM's object; ``metadata`` says that it is simulated, for the API has no fingerprint."""
    cut = status == "completed" and job.sequences[0].finish_reason == "length"
    return {
        "id": f"resp_{job.id}",
        "object": "response",
        "created_at": job.created,
        "status": "incomplete" if cut else status,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "model": job.model,
        "output": output,
        "metadata": {"simulated_by": FINGERPRINT},
        "instructions": None,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "top_p": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "background": False,
        "max_output_tokens": job.ask.limit,
        "service_tier": "auto",
        "truncation": "disabled",
        "usage": _usage(job) if output and status == "completed" else None,
    }


def _usage(job: Job) -> dict[str, Any]:
    return {
        "input_tokens": job.prompt_tokens,
        "input_tokens_details": {"cached_tokens": job.cached_tokens},
        "output_tokens": job.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": job.prompt_tokens + job.completion_tokens,
    }
