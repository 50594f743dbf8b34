"""``/v1/completions``."""

from __future__ import annotations

from typing import Any

import msgspec

from modelyard.sim.api.bodies import Ask, SamplingBody, decode, prompt_list, sampled
from modelyard.sim.api.chat import DONE, chunk_prefix, fingerprint_of, running_usage, usage_chunk
from modelyard.sim.api.job import FINGERPRINT, Job, text_of
from modelyard.sim.engine import Emission

_encode = msgspec.json.encode
_DEFAULT_LIMIT = 16
"""vLLM's and OpenAI's default ``max_tokens`` of completions."""


class CompletionBody(SamplingBody, kw_only=True):
    prompt: Any = None
    max_tokens: int | None = _DEFAULT_LIMIT


class Completions:
    """OpenAI completions in vLLM's shapes; one or several prompts, as text or token ids."""

    def ask(self, body: bytes) -> Ask:
        request = decode(body, CompletionBody)
        prompts = prompt_list(request.prompt)
        echoes = [prompt.decode("utf-8", "replace") for prompt in prompts]
        return sampled(request, prompts, echoes, limit=request.max_tokens)

    def whole(self, job: Job) -> dict[str, Any]:
        choices = [
            {
                "index": index,
                "text": text_of(sequence),
                "logprobs": None,
                "finish_reason": sequence.finish_reason,
                "stop_reason": sequence.answer.stop_reason if sequence.answer else None,
                "token_ids": None,
                "prompt_logprobs": None,
                "prompt_token_ids": None,
            }
            for index, sequence in enumerate(job.sequences)
        ]
        return {
            "id": f"cmpl-{job.id}",
            "object": "text_completion",
            "created": job.created,
            "model": job.model,
            "choices": choices,
            "service_tier": None,
            "system_fingerprint": FINGERPRINT,
            "usage": job.usage(),
        }

    def stream(self, job: Job) -> CompletionStream:
        return CompletionStream(job)


class CompletionStream:
    """Chunks of one completion."""

    __slots__ = ("_job", "_prefix")

    def __init__(self, job: Job) -> None:
        self._job = job
        self._prefix = chunk_prefix(f"cmpl-{job.id}", "text_completion", job)

    def opening(self) -> bytes:
        return b""

    def token(self, emission: Emission) -> bytes:
        sequence, piece, finished = emission
        return b"".join(
            (
                self._prefix,
                b'{"index":%d,"text":' % self._job.index(sequence),
                _encode(piece),
                b',"logprobs":null,"finish_reason":',
                _encode(sequence.finish_reason if finished else None),
                b',"stop_reason":',
                _encode(sequence.answer.stop_reason if finished and sequence.answer else None),
                b',"prompt_token_ids":null,"token_ids":null}]',
                fingerprint_of(self._job) if finished else b"",
                running_usage(self._job, sequence.generated),
                b"}\n\n",
            )
        )

    def closing(self) -> bytes:
        return (usage_chunk(self._prefix, self._job) if self._job.ask.include_usage else b"") + DONE
