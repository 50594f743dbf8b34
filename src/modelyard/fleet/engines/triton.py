"""Triton. With the TensorRT-LLM backend it is recognised as ``triton-tensorrt-llm``; a label may say ``triton`` all the
same, so that backend's metrics count where there are any.

Otherwise it shows how many requests wait. ``nv_inference_exec_count``, which some pickers read as "running", counts
executions since the start, so nothing is reported as running here.
"""

from __future__ import annotations

from modelyard.fleet.endpoints import EngineLoad
from modelyard.fleet.engine import Engine, Probe, Sign, count
from modelyard.fleet.prometheus_text import MetricsPage
from modelyard.fleet.triton_server import (
    BLOCKS,
    HEALTH_PATH,
    METRICS,
    OPENAI_FRONTEND,
    OPENAI_HEALTH_PATH,
    REQUESTS,
    tensorrt_llm_load,
)


def load(page: MetricsPage, at: float) -> EngineLoad | None:
    """The load of all models of the server."""
    by_backend = tensorrt_llm_load(page, at)
    if by_backend is not None:
        return by_backend
    waiting = page.total("nv_inference_pending_request_count")
    if waiting is None:
        return None
    return EngineLoad(at=at, waiting=count(waiting))


ENGINE = Engine(
    name="triton",
    signs=(
        Sign(
            probe=OPENAI_FRONTEND,
            contains=b"\nnv_inference_",
            metrics=OPENAI_FRONTEND,
            health_path=OPENAI_HEALTH_PATH,
        ),
        Sign(probe=METRICS, contains=b"\nnv_inference_"),
        Sign(probe=Probe(path="/v2"), contains=b'"name":"triton"'),
    ),
    metrics=METRICS,
    wanted=("nv_inference_pending_request_count", REQUESTS, BLOCKS),
    specs={
        "queuedRequestsSpec": (
            "nv_inference_pending_request_count",
            "nv_trt_llm_request_metrics{request_type=waiting}",
        ),
        "runningRequestsSpec": (
            "nv_inference_exec_count",
            "nv_trt_llm_request_metrics{request_type=scheduled}",
        ),
        "kvUsageSpec": ("nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=fraction}",),
        "cacheBlockSizeSpec": ("nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=tokens_per}",),
        "cacheNumBlocksSpec": ("nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=max}",),
    },
    health_path=HEALTH_PATH,
    load=load,
)
