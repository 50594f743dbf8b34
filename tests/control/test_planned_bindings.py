"""Addresses of a snapshot's listeners, and who cannot have what it asks for."""

from __future__ import annotations

from modelyard.control.planned_bindings import planned_bindings
from modelyard.routing.listeners import Listener


def listener(gateway: str, port: int, *addresses: str, protocol: str = "HTTP") -> Listener:
    return Listener(
        namespace="default",
        gateway=gateway,
        name=f"l{port}",
        port=port,
        protocol=protocol,  # type: ignore[arg-type]
        addresses=addresses,
    )


def test_one_binding_for_each_port() -> None:
    listeners = [listener("a", 80), listener("a", 443, protocol="HTTPS"), listener("a", 80)]
    planned, refused = planned_bindings(listeners, bind="127.0.0.1", ports={80: 8888})
    assert [(item.group, item.local_port, item.tls) for item in planned] == [
        ("default/a:80", 8888, False),
        ("default/a:443", 8443, True),
    ]
    assert not refused


def test_an_address_that_is_not_ours_is_refused_and_the_others_stay() -> None:
    listeners = [listener("a", 80, "192.0.2.1"), listener("b", 80)]
    planned, refused = planned_bindings(listeners, bind="127.0.0.1", ports={})
    assert [item.gateway for item in planned] == [("default", "b")]
    assert refused["default", "a"].reason == "AddressNotUsable"


def test_a_gateway_stays_where_it_was() -> None:
    listeners = [listener("a", 80), listener("b", 80)]
    before, _ = planned_bindings(listeners, bind="127.0.0.1", ports={})
    planned, _ = planned_bindings(reversed(listeners), bind="127.0.0.1", ports={}, before=before)
    assert {(item.gateway, item.host) for item in planned} == {(item.gateway, item.host) for item in before}
