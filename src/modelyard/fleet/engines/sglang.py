"""SGLang. Its metrics page exists only with ``--enable-metrics``."""

from __future__ import annotations

from modelyard.fleet.endpoints import EngineLoad
from modelyard.fleet.engine import Engine, Probe, Sign, count, label_count, share
from modelyard.fleet.prometheus_text import MetricsPage

_METRICS = Probe(path="/metrics")


def load(page: MetricsPage, at: float) -> EngineLoad | None:
    """The load of all schedulers behind the port."""
    waiting = page.total("sglang:num_queue_reqs")
    running = page.total("sglang:num_running_reqs")
    if waiting is None and running is None:
        return None
    cache = page.newest("sglang:cache_config_info")
    return EngineLoad(
        at=at,
        waiting=count(waiting),
        running=count(running),
        kv_usage=share(page.mean("sglang:token_usage")),
        block_size=label_count(cache, "page_size"),
        num_blocks=label_count(cache, "num_pages"),
    )


ENGINE = Engine(
    name="sglang",
    signs=(
        Sign(probe=_METRICS, contains=b"\nsglang:num_"),
        Sign(probe=Probe(path="/v1/models"), contains=b'"owned_by":"sglang"'),
    ),
    metrics=_METRICS,
    wanted=(
        "sglang:num_queue_reqs",
        "sglang:num_running_reqs",
        "sglang:token_usage",
        "sglang:cache_config_info",
    ),
    specs={
        "queuedRequestsSpec": ("sglang:num_queue_reqs",),
        "runningRequestsSpec": ("sglang:num_running_reqs",),
        "kvUsageSpec": ("sglang:token_usage",),
        "cacheInfoSpec": ("sglang:cache_config_info",),
        "cacheBlockSizeLabelName": ("page_size",),
        "cacheNumBlocksLabelName": ("num_pages",),
    },
    load=load,
)
