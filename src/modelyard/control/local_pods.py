"""Local replicas in the form in which the fleet takes every Pod."""

from __future__ import annotations

from collections.abc import Iterable

from modelyard.fleet.pod_endpoints import PodEndpoint
from modelyard.local.status import LocalPod


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
            port_map=pod.ports,
        )
        for pod in pods
    )
