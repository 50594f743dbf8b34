"""Triton with the TensorRT-LLM backend, on its HTTP port (metrics on 8002) or its OpenAI frontend (same
port)."""

from __future__ import annotations

from modelyard.fleet.endpoints import EngineLoad
from modelyard.fleet.engine import Engine, Sign, count, share
from modelyard.fleet.engines.triton import HEALTH_PATH, METRICS, OPENAI_FRONTEND, OPENAI_HEALTH_PATH
from modelyard.fleet.prometheus_text import MetricsPage

_REQUESTS = "nv_trt_llm_request_metrics"
_BLOCKS = "nv_trt_llm_kv_cache_block_metrics"


def load(page: MetricsPage, at: float) -> EngineLoad | None:
    """The load of all models of the server."""
    waiting = page.total(_REQUESTS, request_type="waiting")
    running = page.total(_REQUESTS, request_type="scheduled")
    if waiting is None and running is None:
        return None
    return EngineLoad(
        at=at,
        waiting=count(waiting),
        running=count(running),
        kv_usage=share(page.mean(_BLOCKS, kv_cache_block_type="fraction")),
        block_size=count(page.mean(_BLOCKS, kv_cache_block_type="tokens_per")),
        num_blocks=count(page.total(_BLOCKS, kv_cache_block_type="max")),
    )


ENGINE = Engine(
    name="triton-tensorrt-llm",
    signs=(
        Sign(
            probe=OPENAI_FRONTEND,
            contains=b"\nnv_trt_llm_",
            metrics=OPENAI_FRONTEND,
            health_path=OPENAI_HEALTH_PATH,
        ),
        Sign(probe=METRICS, contains=b"\nnv_trt_llm_"),
    ),
    metrics=METRICS,
    wanted=(_REQUESTS, _BLOCKS),
    health_path=HEALTH_PATH,
    load=load,
    order=40,
)
