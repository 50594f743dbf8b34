from __future__ import annotations

from modelyard.resources.gateway import (
    Gateway,
    GatewaySpec,
    GatewaySpecAddress,
    Listener,
    ListenerTLSConfig,
)
from modelyard.resources.metadata import ObjectMeta
from modelyard.resources.resource_set import ResourceSet
from modelyard.routing.gateways import GatewayState, gateway_state
from modelyard.routing.references import Grants


def state(*listeners: Listener, addresses: tuple[GatewaySpecAddress, ...] = ()) -> GatewayState:
    gateway = Gateway(
        api_version="gateway.networking.k8s.io/v1",
        kind="Gateway",
        metadata=ObjectMeta(name="edge"),
        spec=GatewaySpec(gateway_class_name="x", listeners=listeners, addresses=addresses),
    )
    return gateway_state(gateway, ResourceSet(), Grants([]))


def http(name: str, port: int = 80, hostname: str | None = None, protocol: str = "HTTP") -> Listener:
    return Listener(name=name, port=port, protocol=protocol, hostname=hostname)


def reasons(found: GatewayState) -> list[str | None]:
    return [listener.accepted_fault and listener.accepted_fault.reason for listener in found.listeners]


def test_distinct_listeners_are_usable() -> None:
    found = state(http("a"), http("b", hostname="a.test"), http("c", hostname="*.test"), http("d", 81))
    assert found.fault is None
    assert [listener.spec.name for listener in found.usable()] == ["a", "b", "c", "d"]


def test_equal_hostnames_conflict_whatever_their_case() -> None:
    found = state(http("a", hostname="A.test"), http("b", hostname="a.test"), http("c"))
    assert reasons(found) == ["HostnameConflict", "HostnameConflict", None]
    assert [listener.spec.name for listener in found.usable()] == ["c"]


def test_two_protocols_on_one_port_conflict() -> None:
    found = state(http("a"), http("b", protocol="HTTPS", hostname="b.test"))
    assert reasons(found) == ["ProtocolConflict", "ProtocolConflict"]
    assert found.fault is not None
    assert found.fault.reason == "ListenersNotValid"
    assert list(found.usable()) == []


def test_protocols_that_are_not_served_conflict_with_nothing() -> None:
    assert reasons(state(http("a"), http("b", protocol="TCP"))) == [None, "UnsupportedProtocol"]


def test_tls_where_it_has_no_meaning() -> None:
    plain = Listener(name="a", port=80, protocol="HTTP", tls=ListenerTLSConfig())
    passed = Listener(name="b", port=443, protocol="HTTPS", tls=ListenerTLSConfig(mode="Passthrough"))
    assert reasons(state(plain, passed)) == ["UnsupportedValue", "UnsupportedValue"]


def test_addresses() -> None:
    asked = (GatewaySpecAddress(value="127.0.0.9"), GatewaySpecAddress())
    found = state(http("a", hostname="A.test"), addresses=asked)
    bound = found.bound(found.listeners[0])
    assert (bound.addresses, bound.hostname, bound.id) == (("127.0.0.9",), "a.test", "default/edge/a")
    assert found.address_fault is None
    unusable = state(http("a"), addresses=(GatewaySpecAddress(value="nowhere"),))
    assert unusable.address_fault is not None
    assert unusable.address_fault.reason == "AddressNotUsable"
    odd = state(http("a"), addresses=(GatewaySpecAddress(type="Hostname", value="a.test"),))
    assert odd.fault is not None
    assert odd.fault.reason == "UnsupportedAddress"


def test_overlapping_https_hostnames_are_told() -> None:
    found = state(
        http("a", 443, "foo.a.test", "HTTPS"),
        http("b", 443, "foo.b.test", "HTTPS"),
        http("c", 443, "*.a.test", "HTTPS"),
        http("d", 8443, "*.a.test", "HTTPS"),
    )
    assert [listener.overlaps for listener in found.listeners] == [("c",), (), ("a",), ()]
