"""Requests that compute without generating: ``/v1/embeddings``, ``/v1/score`` and ``/v1/rerank``.

Vectors count words, hashed to dimensions, so that texts that share words are near each other and a rerank
orders documents sensibly; nothing more is meant by them.
"""

from __future__ import annotations

import base64
import math
import re
import struct
from typing import Any

import msgspec
import xxhash
from aiohttp import web

from modelyard.sim.api.bodies import Ask, decode, prompt_list
from modelyard.sim.api.call import Call
from modelyard.sim.api.errors import bad_request, invalid_body
from modelyard.sim.api.generation import complete
from modelyard.sim.api.job import Job

_WORD = re.compile(r"\w+")


class EmbeddingBody(msgspec.Struct, kw_only=True):
    input: Any = None
    model: str | None = None
    encoding_format: str | None = None
    dimensions: int | None = None


class ScoreBody(msgspec.Struct, kw_only=True):
    model: str | None = None
    text_1: Any = None
    text_2: Any = None
    queries: Any = None
    documents: Any = None
    items: Any = None
    data_1: Any = None
    data_2: Any = None


class RerankBody(msgspec.Struct, kw_only=True):
    query: str
    documents: list[str]
    model: str | None = None
    top_n: int = 0


async def embeddings(call: Call) -> web.StreamResponse:
    request = decode(call.body, EmbeddingBody)
    size = request.dimensions or call.sim.settings.embedding_size
    if not 1 <= size <= call.sim.settings.embedding_size:
        raise bad_request(f"dimensions must be 1 to {call.sim.settings.embedding_size}, got {size}.", "dimensions")
    if request.encoding_format not in (None, "float", "base64"):
        raise invalid_body("Input should be 'float' or 'base64'", "encoding_format")
    prompts = prompt_list(request.input, "input")
    job = await _computed(call, request.model, prompts)
    vectors = [vector(prompt.decode("utf-8", "replace"), size) for prompt in prompts]
    data = [
        {"index": index, "object": "embedding", "embedding": _encoded(numbers, request.encoding_format)}
        for index, numbers in enumerate(vectors)
    ]
    return call.json({**_head(job), "data": data, "usage": _usage(job)})


async def score(call: Call) -> web.StreamResponse:
    request = decode(call.body, ScoreBody)
    first = _texts(_given(request.text_1, request.queries, request.data_1), "text_1")
    second = _texts(_given(request.text_2, request.documents, request.items, request.data_2), "text_2")
    if len(first) not in (1, len(second)):
        raise bad_request("Input lengths must be either 1:1, 1:N or N:N")
    left = first * len(second) if len(first) == 1 else first
    pairs = list(zip(left, second, strict=True))
    job = await _computed(call, request.model, [f"{one}\n{two}".encode() for one, two in pairs])
    data = [{"index": index, "object": "score", "score": likeness(*pair)} for index, pair in enumerate(pairs)]
    return call.json({**_head(job), "data": data, "usage": _usage(job)})


async def rerank(call: Call) -> web.StreamResponse:
    request = decode(call.body, RerankBody)
    if not request.documents:
        raise bad_request("At least one text_pair element must be given")
    job = await _computed(call, request.model, [f"{request.query}\n{text}".encode() for text in request.documents])
    results: list[dict[str, Any]] = [
        {"index": index, "document": {"text": text}, "relevance_score": likeness(request.query, text)}
        for index, text in enumerate(request.documents)
    ]
    results.sort(key=lambda result: result["relevance_score"], reverse=True)
    kept = results[: request.top_n] if request.top_n > 0 else results
    usage = {"prompt_tokens": job.prompt_tokens, "total_tokens": job.prompt_tokens}
    return call.json({"id": f"rerank-{job.id}", "model": job.model, "usage": usage, "results": kept})


def vector(text: str, size: int) -> list[float]:
    """A unit vector of ``size`` numbers."""
    numbers = [0.0] * size
    for word in _WORD.findall(text.lower()) or [text]:
        place = xxhash.xxh3_64_intdigest(word.encode())
        numbers[place % size] += 1.0 if place >> 63 else -1.0
    length = math.sqrt(sum(number * number for number in numbers))
    if not length:
        return [1.0, *numbers[1:]]
    return [number / length for number in numbers]


def likeness(one: str, two: str) -> float:
    """How alike two texts are, 0 to 1."""
    cosine = sum(a * b for a, b in zip(vector(one, 256), vector(two, 256), strict=True))
    return max(0.0, min(1.0, (1.0 + cosine) / 2.0))


async def _computed(call: Call, model: str | None, prompts: list[bytes]) -> Job:
    ask = Ask(model=model, prompts=prompts, echoes=[""] * len(prompts), generate=False)
    job = call.sim.prepare(ask, call.request_id)
    call.model = job.model
    await complete(call, job)
    return job


def _given(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _texts(value: Any, field: str) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return value
    raise invalid_body("Expected a string or a list of strings", field)


def _head(job: Job) -> dict[str, Any]:
    return {"id": f"embd-{job.id}", "object": "list", "created": job.created, "model": job.model}


def _usage(job: Job) -> dict[str, Any]:
    tokens = job.prompt_tokens
    return {
        "prompt_tokens": tokens,
        "total_tokens": tokens,
        "completion_tokens": 0,
        "prompt_tokens_details": None,
    }


def _encoded(numbers: list[float], encoding: str | None) -> list[float] | str:
    if encoding != "base64":
        return numbers
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
