"""vLLM's metrics: the names of 0.32 and those of 0.8.5."""

from __future__ import annotations

from modelyard.sim.engine import Engine
from modelyard.sim.expositions.families import Family, Labels, counter, counters, gauge, gauges, histogram


def vllm_families(engine: Engine, unix_offset: float) -> list[Family]:
    """vLLM 0.32, V1 engine."""
    labels: Labels = {"model_name": engine.settings.served_model, "engine": "0"}
    return [
        *_scheduler(engine, labels),
        gauges(
            "vllm:num_requests_waiting_by_reason",
            "Waiting requests by reason.",
            [
                ({**labels, "reason": "capacity"}, engine.waiting - engine.deferred),
                ({**labels, "reason": "deferred"}, engine.deferred),
            ],
        ),
        gauges(
            "vllm:engine_sleep_state",
            "Engine sleep state.",
            [({**labels, "sleep_state": state}, float(state == "awake")) for state in _SLEEP_STATES],
        ),
        gauge(
            "vllm:kv_cache_usage_perc",
            "KV-cache usage. 1 means 100 percent usage.",
            labels,
            engine.cache.usage,
        ),
        *_prefix(engine, labels, "vllm:prefix_cache"),
        *_tokens(engine, labels),
        *_cached_tokens(engine, labels),
        *_latencies(engine, labels),
        histogram("vllm:inter_token_latency_seconds", "Inter-token latency.", labels, engine.statistics.inter_token),
        histogram(
            "vllm:request_time_per_output_token_seconds",
            "Time per output token of a request.",
            labels,
            engine.statistics.per_output_token,
        ),
        *_lora(engine, unix_offset),
        _cache_config(engine, {"engine": "0"}),
    ]


def vllm_old_families(engine: Engine, unix_offset: float) -> list[Family]:
    """vLLM 0.8.5, V1 engine."""
    labels: Labels = {"model_name": engine.settings.served_model}
    return [
        *_scheduler(engine, labels),
        gauge("vllm:gpu_cache_usage_perc", "GPU KV-cache usage.", labels, engine.cache.usage),
        *_prefix(engine, labels, "vllm:gpu_prefix_cache"),
        *_tokens(engine, labels),
        *_latencies(engine, labels),
        histogram(
            "vllm:time_per_output_token_seconds",
            "Time per output token.",
            labels,
            engine.statistics.inter_token,
        ),
        *_lora(engine, unix_offset),
        _cache_config(engine, {}),
    ]


_SLEEP_STATES = ("awake", "weights_offloaded", "discard_all")


def _scheduler(engine: Engine, labels: Labels) -> list[Family]:
    return [
        gauge("vllm:num_requests_running", "Requests in execution batches.", labels, len(engine.running)),
        gauge("vllm:num_requests_waiting", "Requests waiting to be processed.", labels, engine.waiting),
    ]


def _prefix(engine: Engine, labels: Labels, stem: str) -> list[Family]:
    counts = engine.statistics
    return [
        counter(f"{stem}_queries", "Prefix cache queries, in tokens.", labels, counts.prefix_queries),
        counter(f"{stem}_hits", "Prefix cache hits, in tokens.", labels, counts.prefix_hits),
    ]


def _tokens(engine: Engine, labels: Labels) -> list[Family]:
    counts = engine.statistics
    finished = [({**labels, "finished_reason": reason}, n) for reason, n in counts.finished.items()]
    return [
        counter("vllm:num_preemptions", "Preemptions of the engine.", labels, counts.preemptions),
        counter("vllm:prompt_tokens", "Prefill tokens processed.", labels, counts.prompt_tokens),
        counter("vllm:generation_tokens", "Generation tokens processed.", labels, counts.generation_tokens),
        counters("vllm:request_success", "Successfully processed requests.", finished),
    ]


def _cached_tokens(engine: Engine, labels: Labels) -> list[Family]:
    counts = engine.statistics
    rejections = [
        ({"model_name": engine.settings.served_model, "reason": "queue_requests"}, float(counts.rejected)),
    ]
    return [
        counter("vllm:prompt_tokens_cached", "Cached prompt tokens.", labels, counts.cached_prompt_tokens),
        *_no_external(labels),
        counters("vllm:admission_rejections", "Requests refused at admission.", rejections),
    ]


def _no_external(labels: Labels) -> list[Family]:
    """There is no external KV cache; vLLM shows the counters all the same."""
    return [
        counter("vllm:external_prefix_cache_queries", "External prefix cache queries.", labels, 0),
        counter("vllm:external_prefix_cache_hits", "External prefix cache hits.", labels, 0),
    ]


def _latencies(engine: Engine, labels: Labels) -> list[Family]:
    counts = engine.statistics
    return [
        histogram("vllm:request_prompt_tokens", "Prefill tokens of a request.", labels, counts.prompt_lengths),
        histogram(
            "vllm:request_generation_tokens",
            "Generation tokens of a request.",
            labels,
            counts.generation_lengths,
        ),
        histogram("vllm:time_to_first_token_seconds", "Time to first token.", labels, counts.first_token),
        histogram("vllm:e2e_request_latency_seconds", "End to end latency.", labels, counts.end_to_end),
        histogram("vllm:request_queue_time_seconds", "Time in the WAITING phase.", labels, counts.queued),
        histogram("vllm:request_inference_time_seconds", "Time in the RUNNING phase.", labels, counts.inference),
        histogram("vllm:request_prefill_time_seconds", "Time in the PREFILL phase.", labels, counts.prefill),
        histogram("vllm:request_decode_time_seconds", "Time in the DECODE phase.", labels, counts.decode),
        histogram(
            "vllm:request_num_preemptions",
            "Preemptions of a request.",
            labels,
            counts.preemptions_per_request,
        ),
    ]


def _lora(engine: Engine, unix_offset: float) -> list[Family]:
    """Absent until an adapter was used; one series per state seen, the value is when it was last so."""
    if not engine.adapter_states:
        return []
    samples: list[tuple[Labels, float]] = [
        (
            {
                "max_lora": engine.settings.max_loras,
                "running_lora_adapters": running,
                "waiting_lora_adapters": waiting,
            },
            at + unix_offset,
        )
        for (running, waiting), at in engine.adapter_states.items()
    ]
    return [gauges("vllm:lora_requests_info", "Running stats on lora requests.", samples)]


def _cache_config(engine: Engine, labels: Labels) -> Family:
    settings = engine.settings
    config = {
        **labels,
        "block_size": settings.block_size,
        "cache_dtype": "auto",
        "enable_prefix_caching": settings.enable_prefix_caching,
        "gpu_memory_utilization": 0.9,
        "num_cpu_blocks": None,
        "num_gpu_blocks": settings.num_blocks,
        "num_gpu_blocks_override": None,
        "sliding_window": None,
    }
    return gauge("vllm:cache_config_info", "Information of the LLMEngine CacheConfig", config, 1)
