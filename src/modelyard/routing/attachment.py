"""Which listeners of a Gateway an HTTPRoute attaches to, and why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelyard.resources.core import Namespace
from modelyard.resources.gateway import Listener
from modelyard.resources.http_route import HTTPRoute
from modelyard.resources.references import ParentReference
from modelyard.routing import hostnames
from modelyard.routing.conditions import Fault
from modelyard.routing.gateways import GatewayState, ListenerState

NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name"
"""Set by Kubernetes on every Namespace."""


@dataclass(slots=True, frozen=True)
class Attachment:
    """What came of one parentRef of a route."""

    listeners: tuple[ListenerState, ...] = ()
    fault: Fault | None = None
    """Set exactly when there is no listener."""


def attach(
    route: HTTPRoute,
    parent: ParentReference,
    gateway: GatewayState,
    namespaces: Mapping[tuple[str, str], Namespace],
) -> Attachment:
    """Try every listener that ``parent`` selects. One that accepts the route is enough."""
    selected = [state for state in gateway.listeners if _selects(parent, state.spec)]
    if not selected:
        return Attachment(fault=Fault("NoMatchingParent", _no_parent(parent, gateway)))
    labels = _labels(route.metadata.namespace, namespaces)
    allowed = [
        state
        for state in selected
        if state.takes_routes and _allows(state.spec, gateway, route.metadata.namespace, labels)
    ]
    if not allowed:
        return Attachment(
            fault=Fault(
                "NotAllowedByListeners",
                f"no selected listener allows HTTPRoutes from namespace {route.metadata.namespace}",
            )
        )
    names = route_hostnames(route)
    matching = [state for state in allowed if hostnames.any_intersects(state.hostname, names)]
    if not matching:
        return Attachment(
            fault=Fault(
                "NoMatchingListenerHostname",
                f"no selected listener's hostname fits {', '.join(names)}",
            )
        )
    return Attachment(tuple(matching))


def route_hostnames(route: HTTPRoute) -> tuple[str, ...]:
    """The route's hostnames in lower case, without repetitions."""
    return tuple(dict.fromkeys(name.lower() for name in route.spec.hostnames))


def _selects(parent: ParentReference, listener: Listener) -> bool:
    return parent.section_name in (None, "", listener.name) and parent.port in (None, listener.port)


def _no_parent(parent: ParentReference, gateway: GatewayState) -> str:
    wanted = f" {parent.section_name!r}" if parent.section_name else ""
    port = f" on port {parent.port}" if parent.port is not None else ""
    there = ", ".join(f"{state.spec.name}:{state.spec.port}" for state in gateway.listeners)
    return f"Gateway {'/'.join(gateway.key)} has no listener{wanted}{port}; it has {there or 'none'}"


def _labels(namespace: str, namespaces: Mapping[tuple[str, str], Namespace]) -> Mapping[str, str]:
    known = namespaces.get(("", namespace))
    labels = {} if known is None else known.metadata.labels
    return {**labels, NAMESPACE_NAME_LABEL: namespace}


def _allows(listener: Listener, gateway: GatewayState, namespace: str, labels: Mapping[str, str]) -> bool:
    allowed = listener.allowed_routes.namespaces
    match allowed.from_:
        case "All":
            return True
        case "Same":
            return namespace == gateway.key[0]
        case "Selector":
            return allowed.selector is not None and allowed.selector.matches(labels)
        case "None":
            return False
