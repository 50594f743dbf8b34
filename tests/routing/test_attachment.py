from __future__ import annotations

from typing import Any, Literal

import pytest

from modelyard.resources.core import Namespace
from modelyard.resources.gateway import AllowedRoutes, Gateway, GatewaySpec, Listener, RouteNamespaces
from modelyard.resources.http_route import HTTPRoute, HTTPRouteSpec
from modelyard.resources.label_selector import LabelSelector
from modelyard.resources.metadata import ObjectMeta
from modelyard.resources.references import ParentReference
from modelyard.resources.resource_set import ResourceSet
from modelyard.routing.attachment import attach, route_hostnames
from modelyard.routing.gateways import GatewayState, gateway_state
from modelyard.routing.references import Grants

NAMESPACES = {
    ("", "apps"): Namespace(
        api_version="v1", kind="Namespace", metadata=ObjectMeta(name="apps", namespace="", labels={"team": "a"})
    )
}


def route(namespace: str, *hostnames: str) -> HTTPRoute:
    return HTTPRoute(
        api_version="gateway.networking.k8s.io/v1",
        kind="HTTPRoute",
        metadata=ObjectMeta(name="r", namespace=namespace),
        spec=HTTPRouteSpec(hostnames=hostnames),
    )


def gateway(*listeners: Listener) -> GatewayState:
    written = Gateway(
        api_version="gateway.networking.k8s.io/v1",
        kind="Gateway",
        metadata=ObjectMeta(name="edge", namespace="infra"),
        spec=GatewaySpec(gateway_class_name="x", listeners=listeners),
    )
    return gateway_state(written, ResourceSet(), Grants([]))


def listener(
    name: str, port: int = 80, hostname: str | None = None, from_: Any = "Same", selector: LabelSelector | None = None
) -> Listener:
    namespaces = RouteNamespaces(from_=from_, selector=selector)
    return Listener(
        name=name, port=port, protocol="HTTP", hostname=hostname, allowed_routes=AllowedRoutes(namespaces=namespaces)
    )


def outcome(found: GatewayState, child: HTTPRoute, **parent: Any) -> list[str] | str:
    attachment = attach(child, ParentReference(name="edge", **parent), found, NAMESPACES)
    if attachment.fault is not None:
        assert attachment.listeners == ()
        return attachment.fault.reason
    return [state.spec.name for state in attachment.listeners]


def test_section_and_port_select() -> None:
    found = gateway(listener("a", 80), listener("b", 81), listener("c", 81, "c.test"))
    child = route("infra")
    assert outcome(found, child) == ["a", "b", "c"]
    assert outcome(found, child, section_name="b") == ["b"]
    assert outcome(found, child, port=81) == ["b", "c"]
    assert outcome(found, child, port=81, section_name="c") == ["c"]
    assert outcome(found, child, port=80, section_name="c") == "NoMatchingParent"
    assert outcome(found, child, section_name="d") == "NoMatchingParent"
    assert outcome(found, child, port=82) == "NoMatchingParent"


@pytest.mark.parametrize(
    ("from_", "labels", "namespace", "allowed"),
    [
        ("Same", None, "infra", True),
        ("Same", None, "apps", False),
        ("All", None, "anywhere", True),
        ("None", None, "infra", False),
        ("Selector", {"team": "a"}, "apps", True),
        ("Selector", {"team": "a"}, "infra", False),
        ("Selector", {"kubernetes.io/metadata.name": "unseen"}, "unseen", True),
        ("Selector", {}, "unseen", True),
        ("Selector", None, "apps", False),
    ],
)
def test_namespaces(
    from_: Literal["Same", "All", "None", "Selector"], labels: dict[str, str] | None, namespace: str, allowed: bool
) -> None:
    selector = None if labels is None else LabelSelector(match_labels=labels)
    found = gateway(listener("a", from_=from_, selector=selector))
    assert outcome(found, route(namespace)) == (["a"] if allowed else "NotAllowedByListeners")


def test_hostnames() -> None:
    found = gateway(listener("a", hostname="a.test"), listener("b", hostname="*.b.test"))
    assert outcome(found, route("infra", "A.Test")) == ["a"]
    assert outcome(found, route("infra", "x.test", "y.b.test")) == ["b"]
    assert outcome(found, route("infra", "*.test")) == ["a", "b"]
    assert outcome(found, route("infra", "b.test")) == "NoMatchingListenerHostname"
    assert route_hostnames(route("infra", "A.test", "a.test", "b.test")) == ("a.test", "b.test")
