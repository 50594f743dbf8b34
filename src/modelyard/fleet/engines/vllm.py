"""vLLM, from 0.8 (both engines, old metric names) to the current releases.

Every data-parallel engine behind one port has its own series: requests are summed, cache use is averaged,
since vLLM itself spreads requests over them.
"""

from __future__ import annotations

from modelyard.fleet.endpoints import EngineLoad
from modelyard.fleet.engine import Engine, Probe, Sign, count, label_count, share
from modelyard.fleet.prometheus_text import MetricsPage

_METRICS = Probe(path="/metrics")


def load(page: MetricsPage, at: float, prefix: str = "vllm:") -> EngineLoad | None:
    """The load of a page; ``prefix`` is what the metric names begin with (Ray exports the same ones
    renamed)."""
    waiting = page.total(f"{prefix}num_requests_waiting")
    running = page.total(f"{prefix}num_requests_running")
    if waiting is None and running is None:
        return None
    usage = page.mean(f"{prefix}kv_cache_usage_perc")
    if usage is None:
        usage = page.mean(f"{prefix}gpu_cache_usage_perc")
    cache = page.newest(f"{prefix}cache_config_info")
    max_loras, running_loras, waiting_loras = running_and_waiting_loras(page, f"{prefix}lora_requests_info")
    return EngineLoad(
        at=at,
        waiting=count(waiting),
        running=count(running),
        kv_usage=share(usage),
        block_size=label_count(cache, "block_size"),
        num_blocks=label_count(cache, "num_gpu_blocks"),
        max_loras=max_loras,
        running_loras=running_loras,
        waiting_loras=waiting_loras,
    )


def running_and_waiting_loras(page: MetricsPage, name: str) -> tuple[int, frozenset[str], frozenset[str]]:
    """Adapters with requests. Every combination ever seen stays as a series whose value is when it was
    seen."""
    newest = page.newest(name)
    if newest is None:
        return 0, frozenset(), frozenset()
    return (
        label_count(newest, "max_lora"),
        _names(newest.label("running_lora_adapters")),
        _names(newest.label("waiting_lora_adapters")),
    )


def _names(joined: str) -> frozenset[str]:
    return frozenset(name.strip() for name in joined.split(",") if name.strip())


ENGINE = Engine(
    name="vllm",
    signs=(
        Sign(probe=_METRICS, contains=b"\nvllm:num_requests_"),
        Sign(probe=Probe(path="/v1/models"), contains=b'"owned_by":"vllm"'),
    ),
    metrics=_METRICS,
    wanted=(
        "vllm:num_requests_waiting",
        "vllm:num_requests_running",
        "vllm:kv_cache_usage_perc",
        "vllm:gpu_cache_usage_perc",
        "vllm:cache_config_info",
        "vllm:lora_requests_info",
    ),
    specs={
        "queuedRequestsSpec": ("vllm:num_requests_waiting",),
        "runningRequestsSpec": ("vllm:num_requests_running",),
        "kvUsageSpec": ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),
        "loraSpec": ("vllm:lora_requests_info",),
        "cacheInfoSpec": ("vllm:cache_config_info",),
        "cacheBlockSizeLabelName": ("block_size",),
        "cacheNumBlocksLabelName": ("num_gpu_blocks",),
    },
    filter_path="/metrics/",
    load=load,
)
