"""The bytes that a backend answers with, shaped as vLLM's are: made once, sent as they are."""

from __future__ import annotations

import json
from typing import Final

MODEL: Final = "bench-model"
WANTS_EVENTS: Final = b'"stream":true'
MAX_TOKENS: Final = b'"max_tokens":'
"""How many events a stream is to have; without it there is no end."""
CHOICES: Final = b'"n":'
"""How many events are sent together each time."""
FIELDS_WITHIN: Final = 1024
"""Last bytes of a request that hold the fields above, also where a proxy wrote the body anew and added its own."""
COMPLETION_TAIL: Final = b'"total_tokens":48,"completion_tokens":20,"prompt_tokens_details":null}}'
"""The last bytes of every whole answer, by which a client knows its end."""


def _with_head(body: bytes, content_type: str) -> bytes:
    head = (
        "HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\nserver: uvicorn\r\n"
        f"content-length: {len(body)}\r\ncontent-type: {content_type}\r\n\r\n"
    )
    return head.encode() + body


def _completion() -> bytes:
    message = {"role": "assistant", "content": "The yard holds four engines and one address. " * 2}
    answer = {
        "id": "chatcmpl-6f1d0c4be2f54a0f9c0de7d0a2b1a9d3",
        "object": "chat.completion",
        "created": 1767225600,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 28, "total_tokens": 48, "completion_tokens": 20, "prompt_tokens_details": None},
    }
    return json.dumps(answer, separators=(",", ":")).encode()


def _event(delta: dict[str, str], finish: str | None, **more: object) -> bytes:
    answer = {
        "id": "chatcmpl-6f1d0c4be2f54a0f9c0de7d0a2b1a9d3",
        "object": "chat.completion.chunk",
        "created": 1767225600,
        "model": MODEL,
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        **more,
    }
    return b"data: " + json.dumps(answer, separators=(",", ":")).encode() + b"\n\n"


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


COMPLETION: Final = _with_head(_completion(), "application/json")
assert COMPLETION.endswith(COMPLETION_TAIL)
EVENT: Final = _chunk(_event({"content": " engine"}, None))
EVENT_MARK: Final = b"data: {"
"""Occurs once in every event."""
STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\nserver: uvicorn\r\n"
    b"content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
)
STREAM_END: Final = (
    _chunk(_event({"content": ""}, "stop"))
    + _chunk(_event({}, None, usage={"prompt_tokens": 28, "total_tokens": 48, "completion_tokens": 20}))
    + _chunk(b"data: [DONE]\n\n")
    + b"0\r\n\r\n"
)
_GAUGES: Final = ("num_requests_running", "num_requests_waiting", "kv_cache_usage_perc")


def _histogram(name: str) -> list[str]:
    labels = f'engine="0",model_name="{MODEL}"'
    bounds = [0.001 * 1.5**step for step in range(30)]
    lines = [f"# HELP vllm:{name} Histogram of {name}.", f"# TYPE vllm:{name} histogram"]
    lines += [f'vllm:{name}_bucket{{{labels},le="{bound:.6g}"}} 1234.0' for bound in bounds]
    return [*lines, f'vllm:{name}_bucket{{{labels},le="+Inf"}} 1234.0', f"vllm:{name}_sum{{{labels}}} 567.8"]


def _gauges() -> list[str]:
    lines = []
    for name in _GAUGES:
        lines += [
            f"# HELP vllm:{name} Gauge of {name}.",
            f"# TYPE vllm:{name} gauge",
            f'vllm:{name}{{engine="0",model_name="{MODEL}"}} 0.0',
        ]
    lines.append('vllm:cache_config_info{block_size="16",engine="0",num_gpu_blocks="8192"} 1.0')
    return lines


def _page(lines: list[str]) -> bytes:
    return _with_head(("\n".join(lines) + "\n").encode(), "text/plain; version=0.0.4; charset=utf-8")


METRICS: Final = _page([*_gauges(), *(line for number in range(25) for line in _histogram(f"seconds_{number}"))])
"""The whole page: about as long as vLLM's."""
WANTED_METRICS: Final = _page(_gauges())
"""What vLLM sends where the names are asked for (``name[]=``)."""
MODELS: Final = _with_head(
    json.dumps(
        {
            "object": "list",
            "data": [{"id": MODEL, "object": "model", "created": 1767225600, "owned_by": "vllm", "parent": None}],
        },
        separators=(",", ":"),
    ).encode(),
    "application/json",
)
HEALTHY: Final = b"HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-length: 0\r\n\r\n"


def to_get(request: bytes) -> bytes:
    """The answer to a GET."""
    target = request[4 : request.find(b" ", 4)]
    if target.startswith(b"/metrics"):
        return WANTED_METRICS if b"name" in target else METRICS
    return MODELS if target.startswith(b"/v1/models") else HEALTHY


def number(request: bytes, field: bytes, default: int) -> int:
    """The value of a numeric field among a request's last bytes."""
    at = request.find(field, -FIELDS_WITHIN)
    if at < 0:
        return default
    digits = request[at + len(field) :].lstrip()
    return int(digits[: next(index for index, byte in enumerate(digits) if not 48 <= byte <= 57)])
