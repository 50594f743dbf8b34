"""The one table of checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from modelyard.findings.application_code import engines_at_start, local_code, moving_code
from modelyard.findings.chat_templates import base_checkpoints
from modelyard.findings.objectives import left_from_models
from modelyard.findings.pod_lifecycle import grace_and_sleep, service_links
from modelyard.findings.policy_targets import health_check_targets
from modelyard.findings.ray_switches import ray_versions, unknown_switches
from modelyard.findings.serve_limits import autoscaling_range, engine_metrics, health_period, request_limits
from modelyard.findings.served_names import route_model_names, unserved_inference_models
from modelyard.resources.finding import Finding
from modelyard.resources.resource_set import ResourceSet

Check = Callable[[ResourceSet], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    request_limits,
    autoscaling_range,
    health_period,
    engine_metrics,
    unknown_switches,
    ray_versions,
    base_checkpoints,
    route_model_names,
    unserved_inference_models,
    moving_code,
    local_code,
    engines_at_start,
    service_links,
    grace_and_sleep,
    health_check_targets,
    left_from_models,
)


def manifest_findings(resources: ResourceSet) -> Iterator[Finding]:
    """The findings of every check."""
    for check in CHECKS:
        yield from check(resources)
