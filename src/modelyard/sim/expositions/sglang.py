"""SGLang's metrics."""

from __future__ import annotations

from modelyard.sim.engine import Engine
from modelyard.sim.expositions.families import Family, Labels, counter, gauge, histogram


def sglang_families(engine: Engine, unix_offset: float) -> list[Family]:
    """The scheduler's gauges and token counters of an SGLang server started with ``--enable-metrics``."""
    settings, counts = engine.settings, engine.statistics
    model = {"model_name": settings.served_model}
    labels: Labels = {**model, "engine_type": "unified", "tp_rank": "0", "pp_rank": "0"}
    hit_rate = counts.prefix_hits / counts.prefix_queries if counts.prefix_queries else 0.0
    config = {**labels, "page_size": settings.block_size, "num_pages": settings.num_blocks}
    return [
        gauge("sglang:num_running_reqs", "The number of running requests.", labels, len(engine.running)),
        gauge("sglang:num_queue_reqs", "The number of requests in the waiting queue.", labels, engine.waiting),
        gauge("sglang:token_usage", "The token usage.", labels, engine.cache.usage),
        gauge("sglang:cache_hit_rate", "The prefix cache hit rate.", labels, hit_rate),
        gauge("sglang:cache_config_info", "Information of the cache.", config, 1),
        counter("sglang:prompt_tokens", "Number of prefill tokens processed.", model, counts.prompt_tokens),
        counter("sglang:generation_tokens", "Number of generation tokens.", model, counts.generation_tokens),
        histogram("sglang:time_to_first_token_seconds", "Time to first token.", model, counts.first_token),
        histogram("sglang:inter_token_latency_seconds", "Inter-token latency.", model, counts.inter_token),
    ]
