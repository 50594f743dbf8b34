"""What Triton servers have in common: where they answer, and what the TensorRT-LLM backend shows."""

from __future__ import annotations

from modelyard.fleet.endpoints import EngineLoad
from modelyard.fleet.engine import Probe, count, share
from modelyard.fleet.prometheus_text import MetricsPage

METRICS = Probe(path="/metrics", port=8002)
"""Metrics of a server that is reached on its HTTP port."""
OPENAI_FRONTEND = Probe(path="/metrics")
"""Metrics of a server that is reached on its OpenAI frontend."""
HEALTH_PATH = "/v2/health/ready"
OPENAI_HEALTH_PATH = "/health/ready"

REQUESTS = "nv_trt_llm_request_metrics"
BLOCKS = "nv_trt_llm_kv_cache_block_metrics"
"""Metrics of the TensorRT-LLM backend."""


def tensorrt_llm_load(page: MetricsPage, at: float) -> EngineLoad | None:
    """The load of all models of a server with that backend; None: it has another one."""
    waiting = page.total(REQUESTS, request_type="waiting")
    running = page.total(REQUESTS, request_type="scheduled")
    if waiting is None and running is None:
        return None
    return EngineLoad(
        at=at,
        waiting=count(waiting),
        running=count(running),
        kv_usage=share(page.mean(BLOCKS, kv_cache_block_type="fraction")),
        block_size=count(page.mean(BLOCKS, kv_cache_block_type="tokens_per")),
        num_blocks=count(page.total(BLOCKS, kv_cache_block_type="max")),
    )
