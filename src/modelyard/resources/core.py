"""Service, Pod, Namespace, Secret and ConfigMap (the core group, ``v1``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from modelyard.resources.bases import Lenient, LenientResource, Strict, StrictResource
from modelyard.resources.pods import PodSpec


class ServicePort(Strict, frozen=True, kw_only=True):
    """One port of a Service."""

    name: str = ""
    port: int
    target_port: int | str | None = None
    """Number, or name of a container port; None means the same number as ``port``."""
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    app_protocol: str | None = None
    """For example ``kubernetes.io/ws`` or ``kubernetes.io/h2c``; None means HTTP/1.1."""
    node_port: int | None = None


class ServiceSpec(Strict, frozen=True, kw_only=True):
    """Which Pods a Service stands for. Fields of kube-proxy and load balancers are accepted and not used."""

    selector: Mapping[str, str] = {}
    """Empty: no Pods are selected; the endpoints come from EndpointSlices."""
    ports: tuple[ServicePort, ...] = ()
    type: Literal["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"] = "ClusterIP"
    cluster_ip: str | None = msgspec.field(default=None, name="clusterIP")
    """``None`` as a string: a headless Service."""
    external_name: str | None = None
    publish_not_ready_addresses: bool = False
    session_affinity: Literal["None", "ClientIP"] = "None"
    session_affinity_config: Mapping[str, Any] | None = None
    cluster_ips: tuple[str, ...] = msgspec.field(default=(), name="clusterIPs")
    external_ips: tuple[str, ...] = msgspec.field(default=(), name="externalIPs")
    external_traffic_policy: str | None = None
    internal_traffic_policy: str | None = None
    health_check_node_port: int | None = None
    ip_families: tuple[str, ...] = ()
    ip_family_policy: str | None = None
    load_balancer_class: str | None = None
    load_balancer_ip: str | None = msgspec.field(default=None, name="loadBalancerIP")
    load_balancer_source_ranges: tuple[str, ...] = ()
    allocate_load_balancer_node_ports: bool | None = None
    traffic_distribution: str | None = None


class Service(StrictResource, frozen=True, kw_only=True):
    """A name and ports for a set of Pods."""

    spec: ServiceSpec


class PodIP(Lenient, frozen=True, kw_only=True):
    """One address of a Pod."""

    ip: str


class PodCondition(Lenient, frozen=True, kw_only=True):
    """One condition of a Pod; hand-written ones often give no reason."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str = ""


class PodStatus(Lenient, frozen=True, kw_only=True):
    """What Kubernetes says of a running Pod."""

    phase: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    pod_ips: tuple[PodIP, ...] = msgspec.field(default=(), name="podIPs")
    conditions: tuple[PodCondition, ...] = ()

    @property
    def ready(self) -> bool:
        """The Ready condition; without any condition, whether the Pod has an address and has not ended."""
        for condition in self.conditions:
            if condition.type == "Ready":
                return condition.status == "True"
        return bool(self.pod_ip) and self.phase in ("", "Running")


class Pod(LenientResource, frozen=True, kw_only=True):
    """One replica that already runs somewhere (``status.podIP``)."""

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class Namespace(LenientResource, frozen=True, kw_only=True):
    """A namespace and its labels; cluster-scoped."""


class Secret(StrictResource, frozen=True, kw_only=True):
    """Secret values. ``value`` reads both forms."""

    type: str = "Opaque"
    data: Mapping[str, bytes] = {}
    """Decoded; base64 in the file."""
    string_data: Mapping[str, str] = {}
    """Plain text; wins over ``data``."""
    immutable: bool = False

    def value(self, key: str) -> bytes | None:
        """The bytes under ``key``, or None."""
        text = self.string_data.get(key)
        return self.data.get(key) if text is None else text.encode()

    def keys(self) -> tuple[str, ...]:
        return tuple(sorted({*self.data, *self.string_data}))

    def __repr__(self) -> str:
        return f"Secret({self.metadata.namespace}/{self.metadata.name}, keys={list(self.keys())})"


class ConfigMap(StrictResource, frozen=True, kw_only=True):
    """Plain configuration values."""

    data: Mapping[str, str] = {}
    binary_data: Mapping[str, bytes] = {}
    """Decoded; base64 in the file."""
    immutable: bool = False
