"""GatewayClass and Gateway (``gateway.networking.k8s.io``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from modelyard.resources.bases import Strict, StrictResource
from modelyard.resources.label_selector import LabelSelector
from modelyard.resources.references import GATEWAY_GROUP, ObjectReference, SecretObjectReference


class GatewayClassSpec(Strict, frozen=True, kw_only=True):
    """Which controller runs the Gateways of a class."""

    controller_name: str
    parameters_ref: ObjectReference | None = None
    description: str | None = None


class GatewayClass(StrictResource, frozen=True, kw_only=True):
    """A class of Gateways; cluster-scoped."""

    spec: GatewayClassSpec


class RouteNamespaces(Strict, frozen=True, kw_only=True):
    """From which namespaces routes may attach."""

    from_: Literal["All", "Selector", "Same", "None"] = msgspec.field(default="Same", name="from")
    selector: LabelSelector | None = None


class RouteGroupKind(Strict, frozen=True, kw_only=True):
    """A kind of route."""

    group: str = GATEWAY_GROUP
    kind: str


class AllowedRoutes(Strict, frozen=True, kw_only=True):
    """Which routes may attach to a listener."""

    namespaces: RouteNamespaces = RouteNamespaces()
    kinds: tuple[RouteGroupKind, ...] = ()
    """Empty: the kinds that the listener's protocol allows."""


class ListenerTLSConfig(Strict, frozen=True, kw_only=True):
    """TLS of one listener."""

    mode: Literal["Terminate", "Passthrough"] = "Terminate"
    certificate_refs: tuple[SecretObjectReference, ...] = ()
    options: Mapping[str, str] = {}


class Listener(Strict, frozen=True, kw_only=True):
    """One address and port where a Gateway takes requests."""

    name: str
    hostname: str | None = None
    """``foo.example.com`` or ``*.example.com``; None means all hosts."""
    port: int
    protocol: str
    """``HTTP``, ``HTTPS``, ``TLS``, ``TCP``, ``UDP``, or ``domain/name`` of an implementation."""
    tls: ListenerTLSConfig | None = None
    allowed_routes: AllowedRoutes = AllowedRoutes()


class GatewaySpecAddress(Strict, frozen=True, kw_only=True):
    """An address that is asked for."""

    type: str = "IPAddress"
    value: str = ""
    """Empty: the implementation chooses one of this type."""


class GatewayInfrastructure(Strict, frozen=True, kw_only=True):
    """Labels and parameters of what a cluster would create for the Gateway; accepted, not used here."""

    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    parameters_ref: ObjectReference | None = None


class AllowedListeners(Strict, frozen=True, kw_only=True):
    """From which namespaces ListenerSets may attach; accepted, not used here."""

    namespaces: RouteNamespaces = RouteNamespaces(from_="None")


class GatewayBackendTLS(Strict, frozen=True, kw_only=True):
    """The Gateway's own certificate towards backends."""

    client_certificate_ref: SecretObjectReference | None = None


class FrontendTLSValidation(Strict, frozen=True, kw_only=True):
    """Client certificates that are accepted."""

    ca_certificate_refs: tuple[ObjectReference, ...]
    mode: Literal["AllowValidOnly", "AllowInsecureFallback"] = "AllowValidOnly"


class FrontendTLS(Strict, frozen=True, kw_only=True):
    """Client certificate validation of HTTPS listeners."""

    validation: FrontendTLSValidation | None = None


class FrontendTLSPort(Strict, frozen=True, kw_only=True):
    """Client certificate validation of one port."""

    port: int
    tls: FrontendTLS


class FrontendTLSConfig(Strict, frozen=True, kw_only=True):
    """Client certificate validation, by default and per port."""

    default: FrontendTLS
    per_port: tuple[FrontendTLSPort, ...] = ()


class GatewayTLSConfig(Strict, frozen=True, kw_only=True):
    """TLS settings of a whole Gateway."""

    backend: GatewayBackendTLS | None = None
    frontend: FrontendTLSConfig | None = None


class GatewaySpec(Strict, frozen=True, kw_only=True):
    """What a Gateway listens on."""

    gateway_class_name: str
    listeners: tuple[Listener, ...]
    addresses: tuple[GatewaySpecAddress, ...] = ()
    infrastructure: GatewayInfrastructure | None = None
    allowed_listeners: AllowedListeners | None = None
    tls: GatewayTLSConfig | None = None
    default_scope: Literal["All", "None"] | None = None


class Gateway(StrictResource, frozen=True, kw_only=True):
    """Listeners where clients' requests come in."""

    spec: GatewaySpec
