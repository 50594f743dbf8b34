"""Triton with the TensorRT-LLM backend, on its HTTP port (metrics on 8002) or its OpenAI frontend (same
port)."""

from __future__ import annotations

from modelyard.fleet.engine import Engine, Sign
from modelyard.fleet.triton_server import (
    BLOCKS,
    HEALTH_PATH,
    METRICS,
    OPENAI_FRONTEND,
    OPENAI_HEALTH_PATH,
    REQUESTS,
    tensorrt_llm_load,
)

load = tensorrt_llm_load

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
    wanted=(REQUESTS, BLOCKS),
    specs={
        "queuedRequestsSpec": ("nv_trt_llm_request_metrics{request_type=waiting}",),
        "runningRequestsSpec": ("nv_trt_llm_request_metrics{request_type=scheduled}",),
        "kvUsageSpec": ("nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=fraction}",),
        "cacheBlockSizeSpec": ("nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=tokens_per}",),
        "cacheNumBlocksSpec": ("nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=max}",),
    },
    health_path=HEALTH_PATH,
    load=load,
    order=40,
)
