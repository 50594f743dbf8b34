"""``/v1/chat/completions``."""

from __future__ import annotations

from typing import Any

import msgspec

from modelyard.sim.api.bodies import Ask, SamplingBody, decode, rendered, sampled, text_of
from modelyard.sim.api.errors import invalid_body
from modelyard.sim.api.job import FINGERPRINT, Job
from modelyard.sim.api.job import text_of as said
from modelyard.sim.engine import Emission

_encode = msgspec.json.encode
DONE = b"data: [DONE]\n\n"


class Message(msgspec.Struct, kw_only=True):
    role: str
    content: Any = None


class ChatBody(SamplingBody, kw_only=True):
    messages: list[Message]
    max_completion_tokens: int | None = None
    tools: Any = None


class Chat:
    """OpenAI chat completions in vLLM's shapes. Tools are part of the prompt; the simulator never calls
    one."""

    def ask(self, body: bytes) -> Ask:
        request = decode(body, ChatBody)
        if not request.messages:
            raise invalid_body("List should have at least 1 item", "messages")
        prompt, last = chat_prompt(request.messages, request.tools)
        limit = request.max_tokens if request.max_completion_tokens is None else request.max_completion_tokens
        return sampled(request, [prompt], [last], limit=limit)

    def whole(self, job: Job) -> dict[str, Any]:
        choices = [
            {
                "index": index,
                "message": {"role": "assistant", "content": said(sequence), "refusal": None},
                "logprobs": None,
                "finish_reason": sequence.finish_reason,
                "stop_reason": sequence.answer.stop_reason if sequence.answer else None,
                "token_ids": None,
            }
            for index, sequence in enumerate(job.sequences)
        ]
        return {
            "id": f"chatcmpl-{job.id}",
            "object": "chat.completion",
            "created": job.created,
            "model": job.model,
            "choices": choices,
            "service_tier": None,
            "system_fingerprint": FINGERPRINT,
            "usage": job.usage(),
        }

    def stream(self, job: Job) -> ChatStream:
        return ChatStream(job)


def chat_prompt(messages: list[Message], tools: Any = None) -> tuple[bytes, str]:
    """Prompt bytes of a conversation, and the text of its last message."""
    turns = [(message.role, text_of(message.content)) for message in messages]
    preface = [("tools", _encode(tools).decode())] if tools else []
    return rendered(preface + turns), turns[-1][1]


class ChatStream:
    """Chunks of one chat completion; the parts that never change are built once."""

    __slots__ = ("_job", "_prefix", "_started")

    def __init__(self, job: Job) -> None:
        self._job = job
        self._started = False
        self._prefix = chunk_prefix(f"chatcmpl-{job.id}", "chat.completion.chunk", job)

    def opening(self) -> bytes:
        return b""

    def token(self, emission: Emission) -> bytes:
        head = b""
        if not self._started:
            self._started = True
            head = b"".join(map(self._role, range(len(self._job.sequences))))
        return head + self._chunk(emission)

    def closing(self) -> bytes:
        return (usage_chunk(self._prefix, self._job) if self._job.ask.include_usage else b"") + DONE

    def _role(self, index: int) -> bytes:
        delta = b'{"index":%d,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]' % index
        return b"".join((self._prefix, delta, running_usage(self._job, None), b"}\n\n"))

    def _chunk(self, emission: Emission) -> bytes:
        sequence, piece, finished = emission
        ending = b'"finish_reason":null,"token_ids":null}]'
        if finished:
            ending = self._ending(emission)
        return b"".join(
            (
                self._prefix,
                b'{"index":%d,"delta":{"content":' % self._job.index(sequence),
                _encode(piece),
                b'},"logprobs":null,',
                ending,
                running_usage(self._job, sequence.generated),
                b"}\n\n",
            )
        )

    def _ending(self, emission: Emission) -> bytes:
        answer = emission.sequence.answer
        reason = _encode(answer.stop_reason if answer else None)
        ending = b'"finish_reason":"%s","stop_reason":%s,"token_ids":null}]' % (
            emission.sequence.finish_reason.encode(),
            reason,
        )
        return ending + fingerprint_of(self._job)


def chunk_prefix(id: str, kind: str, job: Job) -> bytes:
    """The start of every chunk, up to its list of choices."""
    fields = {"id": id, "object": kind, "created": job.created, "model": job.model}
    return b"data: " + _encode(fields)[:-1] + b',"choices":['


def fingerprint_of(job: Job) -> bytes:
    """vLLM stamps the last chunk only: the one with the finish reason, or the usage chunk after it."""
    return b"" if job.ask.include_usage else b',"system_fingerprint":"%s"' % FINGERPRINT.encode()


def running_usage(job: Job, generated: int | None) -> bytes:
    """``continuous_usage_stats``: the usage so far, in every chunk."""
    if not job.ask.continuous_usage:
        return b""
    prompt, completion = job.prompt_tokens, generated or 0
    return b',"usage":{"prompt_tokens":%d,"total_tokens":%d,"completion_tokens":%d}' % (
        prompt,
        prompt + completion,
        completion,
    )


def usage_chunk(prefix: bytes, job: Job) -> bytes:
    """The chunk without choices that ends a stream whose client asked for usage."""
    return prefix + b'],"usage":%s,"system_fingerprint":"%s"}\n\n' % (
        _encode(job.usage()),
        FINGERPRINT.encode(),
    )
