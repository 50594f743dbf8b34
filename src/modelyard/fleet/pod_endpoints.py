"""The common form of everything that runs a model server: Pods, local replicas, entries of EndpointSlices."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from modelyard.fleet.health import HealthCheck
from modelyard.resources.core import Pod


class PodEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One address with labels, named ports and readiness."""

    name: str
    namespace: str = "default"
    ip: str
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    ready: bool = True
    reason: str = ""
    """Why it is not ready, for people."""
    engine: str = ""
    """Engine name where the runner knows it; empty: by label, else recognised."""
    ports: Mapping[str, int] = {}
    """Container ports by name, for named target ports."""
    metrics_url: str = ""
    """Where its load is read, where the runner knows it; empty: by annotation, else the engine's usual place."""
    health: HealthCheck | None = None
    """How it is checked, where the runner knows better than the engine's default; a policy still wins."""
    port_map: Mapping[int, int] = {}
    """Container port to the port that it really has on ``ip``, where the two differ (systems with one
    loopback address only)."""

    def port(self, wanted: int | str) -> int | None:
        """The port on ``ip`` for a container port number or name; None for a name that it does not have."""
        number = self.ports.get(wanted) if isinstance(wanted, str) else wanted
        return None if number is None else self.port_map.get(number, number)

    def address(self, port: int) -> str:
        """``ip:port`` on the wire, of a port that ``port()`` gave."""
        return address_of(self.ip, port)


def address_of(ip: str, port: int) -> str:
    """``ip:port``, with IPv6 in brackets."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def pod_endpoint(pod: Pod) -> PodEndpoint | None:
    """A Pod that has an address; None for one that has none (yet)."""
    if not pod.status.pod_ip:
        return None
    containers = (*pod.spec.containers, *pod.spec.init_containers)
    ports = {port.name: port.container_port for c in containers for port in c.ports if port.name}
    ready = pod.status.ready
    return PodEndpoint(
        name=pod.metadata.name,
        namespace=pod.metadata.namespace,
        ip=pod.status.pod_ip,
        labels=pod.metadata.labels,
        annotations=pod.metadata.annotations,
        ready=ready,
        reason="" if ready else f"Pod is not ready ({pod.status.phase or 'no Ready condition'})",
        ports=ports,
    )


def selected(selector: Mapping[str, str], namespace: str, pod: PodEndpoint) -> bool:
    """Whether all labels of ``selector`` are on a Pod of the same namespace."""
    return pod.namespace == namespace and selector.items() <= pod.labels.items()
