"""What running replicas say about how long their requests take: read from their metrics pages."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from modelyard.cli.direct_http import open_directly
from modelyard.fleet.histogram import buckets, quantile
from modelyard.fleet.prometheus_text import MetricsPage

_PER_TOKEN = (
    "vllm:request_time_per_output_token_seconds",
    "vllm:inter_token_latency_seconds",
    "vllm:time_per_output_token_seconds",
)
"""The mean of each request first: a long request is slow on average, not as slow as its slowest token."""
_WHOLE = "vllm:e2e_request_latency_seconds"
_SHARE = 0.99
_MOST_BYTES = 8 * 1024 * 1024
_SECONDS = 5.0


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """99th percentiles over all replicas, in seconds; None: nothing was observed."""

    token_time: float | None = None
    token_metric: str = ""
    longest: float | None = None
    requests: int = 0
    context_length: int | None = None
    """The smallest that a replica reports (``max_model_len``)."""


def measure(replicas: Iterable[Mapping[str, Any]]) -> Measured:
    """``replicas``: as ``/api/replicas`` shows them. Those that do not answer are left out."""
    pages, lengths = [], []
    for replica in replicas:
        base = f"http://{replica['address']}:{replica['ports'][0]['local']}"
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            pages.append(MetricsPage(_get(f"{base}/metrics")))
            models = json.loads(_get(f"{base}/v1/models"))["data"]
            lengths += [int(model["max_model_len"]) for model in models if model.get("max_model_len")]
    for name in _PER_TOKEN:
        token_time = quantile(buckets(pages, name), _SHARE)
        if token_time:
            break
    whole = buckets(pages, _WHOLE)
    return Measured(
        token_time=token_time,
        token_metric=name if token_time else "",
        longest=quantile(whole, _SHARE),
        requests=int(max(whole.values(), default=0)),
        context_length=min(lengths, default=None),
    )


def _get(url: str) -> bytes:
    with open_directly(url, _SECONDS) as answer:
        body: bytes = answer.read(_MOST_BYTES)
        return body
