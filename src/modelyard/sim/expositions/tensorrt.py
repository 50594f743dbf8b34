"""Metrics of trtllm-serve, of Triton with TensorRT-LLM, and of plain Triton."""

from __future__ import annotations

from modelyard.sim.engine import Engine
from modelyard.sim.expositions.families import Family, Labels, counter, gauge, gauges, histogram


def trtllm_families(engine: Engine, unix_offset: float) -> list[Family]:
    """trtllm-serve."""
    settings, counts = engine.settings, engine.statistics
    labels: Labels = {"model_name": settings.served_model, "engine_type": "trtllm"}
    done = {**labels, "finished_reason": "stop"}
    return [
        gauge("trtllm_num_requests_waiting", "Requests waiting.", labels, engine.waiting),
        gauge("trtllm_num_requests_running", "Requests running.", labels, len(engine.running)),
        gauge("trtllm_kv_cache_utilization", "KV cache utilization.", labels, engine.cache.usage),
        gauge("trtllm_kv_cache_tokens_per_block", "Tokens per block.", labels, settings.block_size),
        gauge("trtllm_kv_cache_max_blocks", "Blocks of the KV cache.", labels, settings.num_blocks),
        counter("trtllm_request_success", "Successful requests.", done, counts.finished["stop"]),
        histogram("trtllm_time_to_first_token_seconds", "Time to first token.", labels, counts.first_token),
    ]


def triton_trtllm_families(engine: Engine, unix_offset: float) -> list[Family]:
    """Triton with the TensorRT-LLM backend."""
    settings, cache = engine.settings, engine.cache
    labels: Labels = {"model": "tensorrt_llm", "version": "1"}
    requests = {
        "waiting": engine.waiting,
        "scheduled": len(engine.running),
        "active": len(engine.running) + engine.waiting,
        "max": settings.max_num_seqs,
    }
    blocks = {
        "fraction": cache.usage,
        "tokens_per": settings.block_size,
        "max": settings.num_blocks,
        "used": cache.used,
        "free": cache.free,
    }
    return [
        gauges(
            "nv_trt_llm_request_metrics",
            "TRT LLM request metrics",
            [({**labels, "request_type": kind}, value) for kind, value in requests.items()],
        ),
        gauges(
            "nv_trt_llm_kv_cache_block_metrics",
            "TRT LLM KV cache block metrics",
            [({**labels, "kv_cache_block_type": kind}, value) for kind, value in blocks.items()],
        ),
    ]


def triton_families(engine: Engine, unix_offset: float) -> list[Family]:
    """Triton without an LLM backend's own metrics; its counters carry no ``_total``."""
    labels: Labels = {"model": engine.settings.served_model, "version": "1"}
    done = sum(n for reason, n in engine.statistics.finished.items() if reason != "abort")
    return [
        gauge("nv_inference_pending_request_count", "Pending requests of a model", labels, engine.waiting),
        gauge("nv_inference_exec_count", "Model executions", labels, len(engine.running))._replace(kind="counter"),
        gauge("nv_inference_request_success", "Successful requests", labels, done)._replace(kind="counter"),
    ]
