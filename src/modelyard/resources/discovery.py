"""EndpointSlice (``discovery.k8s.io/v1``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from modelyard.resources.bases import Lenient, Strict, StrictResource

SERVICE_NAME_LABEL = "kubernetes.io/service-name"


class EndpointConditions(Strict, frozen=True, kw_only=True):
    """None means unknown: to be treated as ready, serving, and not terminating."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class TargetReference(Lenient, frozen=True, kw_only=True):
    """The Pod behind an address."""

    kind: str = ""
    name: str = ""
    namespace: str = ""
    uid: str = ""


class SliceEndpoint(Strict, frozen=True, kw_only=True):
    """One endpoint; its addresses are equivalent and the first is used."""

    addresses: tuple[str, ...]
    conditions: EndpointConditions = EndpointConditions()
    hostname: str | None = None
    target_ref: TargetReference | None = None
    deprecated_topology: Mapping[str, str] = {}
    node_name: str | None = None
    zone: str | None = None
    hints: Mapping[str, Any] | None = None


class EndpointPort(Strict, frozen=True, kw_only=True):
    """One port of every endpoint of the slice."""

    name: str = ""
    port: int | None = None
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    app_protocol: str | None = None


class EndpointSlice(StrictResource, frozen=True, kw_only=True):
    """Addresses of a Service, which the label ``kubernetes.io/service-name`` names."""

    address_type: Literal["IPv4", "IPv6", "FQDN"]
    endpoints: tuple[SliceEndpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()

    @property
    def service_name(self) -> str | None:
        return self.metadata.labels.get(SERVICE_NAME_LABEL)
