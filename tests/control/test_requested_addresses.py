"""Addresses that Gateways ask for."""

from __future__ import annotations

import pytest

from modelyard.control.requested_addresses import refused_addresses, requested_addresses
from modelyard.routing.listeners import Listener

A, B = ("default", "a"), ("default", "b")


def listener(gateway: str, *addresses: str) -> Listener:
    return Listener(
        namespace="default", gateway=gateway, name="http", port=80, protocol="HTTP", hostname="", addresses=addresses
    )


def test_only_gateways_that_ask_are_named() -> None:
    assert requested_addresses([listener("a"), listener("b", "127.0.0.5")]) == {B: ("127.0.0.5",)}


@pytest.mark.parametrize(
    ("address", "bind", "given"),
    [
        ("127.0.0.5", "127.0.0.1", True),
        ("::1", "127.0.0.1", True),
        ("192.0.2.1", "127.0.0.1", False),
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "0.0.0.0", True),
        ("2001:db8::1", "0.0.0.0", False),
        ("somewhere.test", "127.0.0.1", False),
    ],
)
def test_loopback_and_the_bound_address_are_given(address: str, bind: str, given: bool) -> None:
    refused = refused_addresses({A: ("127.0.0.9", address)}, {A: {80}}, bind)
    assert (A not in refused) is given
    assert given or refused[A].reason == "AddressNotUsable"


def test_of_two_that_ask_for_one_socket_the_first_gets_it() -> None:
    asked = {A: ("127.0.0.5",), B: ("127.0.0.5",)}
    assert list(refused_addresses(asked, {A: {80}, B: {80}}, "127.0.0.1")) == [B]
    assert not refused_addresses(asked, {A: {80}, B: {81}}, "127.0.0.1")
