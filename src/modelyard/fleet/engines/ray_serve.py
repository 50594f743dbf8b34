"""Ray Serve, with or without Ray Serve LLM.

An endpoint is a Serve proxy; its metrics are those of its node, exported by Ray's agent on another port,
where vLLM's names carry the prefix ``ray_vllm_``. Older releases (2.46) export another family. An
application without vLLM shows only Serve's own queue and running counts.
"""

from __future__ import annotations

from modelyard.fleet.endpoints import EngineLoad
from modelyard.fleet.engine import Engine, Probe, Sign, count
from modelyard.fleet.engines import vllm
from modelyard.fleet.prometheus_text import MetricsPage

_FAMILIES = (
    (
        "ray_vllm_engine_stats_num_current_pending_requests",
        "ray_vllm_engine_stats_num_current_running_requests",
    ),
    ("ray_serve_deployment_queued_queries", "ray_serve_replica_processing_queries"),
)
_HEALTH = Probe(path="/-/healthz")


def load(page: MetricsPage, at: float) -> EngineLoad | None:
    """The load of the endpoint's node."""
    return vllm.load(page, at, prefix="ray_vllm_") or _from_families(page, at)


def _from_families(page: MetricsPage, at: float) -> EngineLoad | None:
    for waiting_name, running_name in _FAMILIES:
        waiting, running = page.total(waiting_name), page.total(running_name)
        if waiting is not None or running is not None:
            return EngineLoad(at=at, waiting=count(waiting), running=count(running))
    return None


ENGINE = Engine(
    name="ray-serve",
    aliases=("ray", "rayserve", "ray-serve-llm"),
    signs=(
        Sign(probe=_HEALTH, contains=b"success", whole=True),
        Sign(probe=_HEALTH, contains=b"Route table is not populated yet."),
        Sign(probe=_HEALTH, contains=b"This node is being drained."),
    ),
    metrics=Probe(path="/metrics", port=8080),
    wanted=(
        "ray_vllm_num_requests_waiting",
        "ray_vllm_num_requests_running",
        "ray_vllm_kv_cache_usage_perc",
        "ray_vllm_gpu_cache_usage_perc",
        "ray_vllm_cache_config_info",
        "ray_vllm_lora_requests_info",
        *(name for family in _FAMILIES for name in family),
    ),
    health_path="/-/healthz",
    load=load,
)
