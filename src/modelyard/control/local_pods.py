"""Local replicas in the form in which the fleet takes every Pod."""

from __future__ import annotations

from collections.abc import Iterable

from modelyard.fleet.health import HealthCheck
from modelyard.fleet.pod_endpoints import PodEndpoint
from modelyard.local.status import LocalPod

RAY = "ray-serve"
_CLUSTER_HEALTH = HealthCheck(path="/-/healthz", timeout=5.0, unhealthy_threshold=3)
"""A Ray cluster is the only endpoint of its Service and is watched by its runner, so a late answer of a busy machine
takes it out last of all."""


def pod_endpoints(pods: Iterable[LocalPod]) -> tuple[PodEndpoint, ...]:
    """One Pod endpoint per replica, ready or not."""
    return tuple(
        PodEndpoint(
            name=pod.name,
            namespace=pod.namespace,
            ip=pod.ip,
            labels=pod.labels,
            ready=pod.ready,
            reason=pod.reason,
            engine=pod.engine,
            metrics_url=pod.metrics_url,
            health=_CLUSTER_HEALTH if pod.engine == RAY else None,
            port_map=pod.ports,
        )
        for pod in pods
    )
