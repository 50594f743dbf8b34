"""Ray Serve, with or without Ray Serve LLM.

An endpoint is a Serve proxy; its metrics are those of its node, exported by Ray's agent on another port,
where vLLM's names carry the prefix ``ray_vllm_`` and the label ``model_name`` tells models apart. A model's series
begin with its first request. Older releases (2.46) export another family. An application without vLLM shows only
Serve's own counts. What is exported is up to ``metrics_report_interval_ms`` old: 10 s, and never less than 1 s.
"""

from __future__ import annotations

from collections import defaultdict

import msgspec

from modelyard.fleet.endpoints import EngineLoad, ModelLoad
from modelyard.fleet.engine import Engine, Probe, Sign, count, share
from modelyard.fleet.engines import vllm
from modelyard.fleet.prometheus_text import MetricsPage

_PREFIX = "ray_vllm_"
_WAITING, _RUNNING = f"{_PREFIX}num_requests_waiting", f"{_PREFIX}num_requests_running"
_USAGE = f"{_PREFIX}kv_cache_usage_perc"
_OLD_WAITING = "ray_vllm_engine_stats_num_current_pending_requests"
_OLD_RUNNING = "ray_vllm_engine_stats_num_current_running_requests"
_QUEUED, _PROCESSING = "ray_serve_deployment_queued_queries", "ray_serve_replica_processing_queries"
EXPORT_PERIOD = 10.0
"""Seconds between two exports by default; the page does not say whether it is less."""
_LEAST_PERIOD = 1.0
_PAGE_SECONDS = 3.0
"""A page of a megabyte is written by Python in 0.1 s on an idle core, and in seconds on a busy machine."""
_INGRESS_AND_MODEL = 2
_HEALTH = Probe(path="/-/healthz")


def load(page: MetricsPage, at: float) -> EngineLoad | None:
    """The load of the endpoint's node, and of each model where there are several."""
    found = vllm.load(page, at, prefix=_PREFIX)
    if found is not None:
        found = msgspec.structs.replace(found, by_model=_by_model(page))
    else:
        found = _of_old_releases(page, at) or _of_serve(page, at)
    return None if found is None else msgspec.structs.replace(found, delay=EXPORT_PERIOD)


def _by_model(page: MetricsPage) -> dict[str, ModelLoad]:
    """By the models' names. Queues of one model's replicas are summed, cache use is averaged: Serve spreads requests
    over them. Empty where there is one model: of several, those that are idle for two exports have no series."""
    names = dict.fromkeys(series.label("model_name") for series in page.series(_RUNNING))
    if len(names) < 2 and not _has_several_models(page):
        return {}
    return {
        name: ModelLoad(
            waiting=count(page.total(_WAITING, model_name=name)),
            running=count(page.total(_RUNNING, model_name=name)),
            kv_usage=share(page.mean(_USAGE, model_name=name)),
        )
        for name in names
    }


def _has_several_models(page: MetricsPage) -> bool:
    """Whether some application has more than an ingress and one deployment behind it."""
    found: dict[str, set[str]] = defaultdict(set)
    for series in page.series(_PROCESSING):
        found[series.label("application")].add(series.label("deployment"))
    return any(len(deployments) > _INGRESS_AND_MODEL for deployments in found.values())


def _of_old_releases(page: MetricsPage, at: float) -> EngineLoad | None:
    waiting, running = page.total(_OLD_WAITING), page.total(_OLD_RUNNING)
    if waiting is None and running is None:
        return None
    return EngineLoad(at=at, waiting=count(waiting), running=count(running))


def _of_serve(page: MetricsPage, at: float) -> EngineLoad | None:
    """Serve's own counts. A request counts in every deployment that it passes, so of an application's deployments the
    busiest one tells how many requests there are."""
    waiting = page.total(_QUEUED)
    processing: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for series in page.series(_PROCESSING):
        if series.value > 0:
            processing[series.label("application")][series.label("deployment")] += series.value
        else:
            processing[series.label("application")]
    if waiting is None and not processing:
        return None
    running = sum(max(deployments.values(), default=0.0) for deployments in processing.values())
    return EngineLoad(at=at, waiting=count(waiting), running=count(running))


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
        _WAITING,
        _RUNNING,
        _USAGE,
        "ray_vllm_gpu_cache_usage_perc",
        "ray_vllm_cache_config_info",
        "ray_vllm_lora_requests_info",
        _OLD_WAITING,
        _OLD_RUNNING,
        _QUEUED,
        _PROCESSING,
    ),
    period=_LEAST_PERIOD,
    timeout=_PAGE_SECONDS,
    health_path="/-/healthz",
    load=load,
)
