"""TensorRT-LLM's own server (``trtllm-serve``). Its ``/metrics`` is JSON; the Prometheus page has another
path."""

from __future__ import annotations

from modelyard.fleet.endpoints import EngineLoad
from modelyard.fleet.engine import Engine, Probe, Sign, count, share
from modelyard.fleet.prometheus_text import MetricsPage

_PAGE = Probe(path="/prometheus/metrics")
_PLAIN = Probe(path="/metrics")


def load(page: MetricsPage, at: float) -> EngineLoad | None:
    """The load of the server."""
    waiting = page.total("trtllm_num_requests_waiting")
    running = page.total("trtllm_num_requests_running")
    if waiting is None and running is None:
        return None
    return EngineLoad(
        at=at,
        waiting=count(waiting),
        running=count(running),
        kv_usage=share(page.mean("trtllm_kv_cache_utilization")),
        block_size=count(page.mean("trtllm_kv_cache_tokens_per_block")),
        num_blocks=count(page.total("trtllm_kv_cache_max_blocks")),
    )


ENGINE = Engine(
    name="trtllm-serve",
    aliases=("trtllm", "tensorrt-llm", "tensorrt_llm"),
    signs=(
        Sign(probe=_PLAIN, contains=b"\ntrtllm_", metrics=_PLAIN),
        Sign(probe=_PAGE, contains=b"\ntrtllm_"),
        Sign(probe=Probe(path="/v1/models"), contains=b'"owned_by":"tensorrt_llm"'),
    ),
    metrics=_PAGE,
    wanted=(
        "trtllm_num_requests_waiting",
        "trtllm_num_requests_running",
        "trtllm_kv_cache_utilization",
        "trtllm_kv_cache_tokens_per_block",
        "trtllm_kv_cache_max_blocks",
    ),
    specs={
        "queuedRequestsSpec": ("trtllm_num_requests_waiting",),
        "runningRequestsSpec": ("trtllm_num_requests_running",),
        "kvUsageSpec": ("trtllm_kv_cache_utilization",),
        "cacheBlockSizeSpec": ("trtllm_kv_cache_tokens_per_block",),
        "cacheNumBlocksSpec": ("trtllm_kv_cache_max_blocks",),
    },
    load=load,
)
