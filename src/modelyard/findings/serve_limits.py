"""Limits and ranges of Ray Serve LLM that are not what they look like."""

from __future__ import annotations

from collections.abc import Iterator

from modelyard.findings.ray_services import llm_models, name_of
from modelyard.resources.finding import Finding
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.serve_deployment import AutoscalingConfig
from modelyard.resources.serve_llm_config import UNLIMITED_REQUESTS, LLMConfig

USUAL_BATCH = 256
"""Sequences that vLLM runs at a time by default on most GPUs (``max_num_seqs``)."""
LONG_HEALTH_PERIOD = 60.0
_AT_HAND = 0.7
"""Share of the limit at which another replica is started."""
_UNLIMITED = f"{UNLIMITED_REQUESTS:,}"


def request_limits(resources: ResourceSet) -> Iterator[Finding]:
    """Models without ``max_ongoing_requests``, or that scale without ``target_ongoing_requests``."""
    for service, model in llm_models(resources):
        options, scaling = model.deployment_config, model.deployment_config.autoscaling_config
        batch = _batch(model)
        if options.max_ongoing_requests is None:
            yield Finding(
                object=name_of(service),
                check="serve-request-limits",
                message=f"model {model.model_id}: max_ongoing_requests is not set, and Ray Serve LLM takes "
                f"{_UNLIMITED}: a replica takes every request that comes, and none is held back or refused",
                advice=f"set deployment_config.max_ongoing_requests to what one replica serves at a time, "
                f"for example {batch} (max_num_seqs), and max_queued_requests beside it",
            )
        if _scales(scaling, options.num_replicas) and (scaling is None or scaling.target_ongoing_requests is None):
            limit = options.max_ongoing_requests or batch
            yield Finding(
                object=name_of(service),
                check="serve-scale-up",
                message=f"model {model.model_id}: target_ongoing_requests is not set, and Ray Serve LLM takes "
                f"{_UNLIMITED}: it never starts another replica",
                advice="set deployment_config.autoscaling_config.target_ongoing_requests, "
                f"for example {max(1, round(limit * _AT_HAND))}",
            )


def _scales(scaling: AutoscalingConfig | None, replicas: int | str | None) -> bool:
    return replicas == "auto" or (scaling is not None and scaling.max_replicas > scaling.min_replicas)


def _batch(model: LLMConfig) -> int:
    given = model.engine_kwargs.get("max_num_seqs")
    return given if isinstance(given, int) and given > 0 else USUAL_BATCH


def autoscaling_range(resources: ResourceSet) -> Iterator[Finding]:
    """An autoscaling configuration whose range is one number."""
    for service, model in llm_models(resources):
        scaling = model.deployment_config.autoscaling_config
        if scaling is None or scaling.min_replicas != scaling.max_replicas:
            continue
        count = scaling.max_replicas
        most = sum(group.max_replicas for group in service.spec.ray_cluster_config.worker_group_specs)
        room = f" (the worker groups have {most} at most)" if most <= count else ""
        yield Finding(
            object=name_of(service),
            check="serve-autoscaling-range",
            message=f"model {model.model_id}: autoscaling_config has min_replicas and max_replicas {count}: "
            "it never scales",
            advice=f"raise max_replicas{room}, or write num_replicas: {count} if it is not to scale",
        )


def health_period(resources: ResourceSet) -> Iterator[Finding]:
    """A dead replica is found at the next health check."""
    for service, model in llm_models(resources):
        period = model.deployment_config.health_check_period_s
        if period is not None and period > LONG_HEALTH_PERIOD:
            timeout = model.deployment_config.health_check_timeout_s or 30
            yield Finding(
                object=name_of(service),
                check="serve-health-period",
                message=f"model {model.model_id}: health_check_period_s {period:g}: a replica that hangs gets requests "
                f"for up to {(period + timeout) / 60:.0f} minutes",
                advice="set health_check_period_s: 10 and health_check_timeout_s: 30; they do not limit loading",
            )


def engine_metrics(resources: ResourceSet) -> Iterator[Finding]:
    """Without the engine's metrics nobody sees a queue."""
    for service, model in llm_models(resources):
        if not model.log_engine_metrics:
            yield Finding(
                object=name_of(service),
                check="serve-engine-metrics",
                message=f"model {model.model_id}: log_engine_metrics is off: its queue and KV cache are not exported, "
                "and picking does not see them",
                advice="remove log_engine_metrics: false",
            )
