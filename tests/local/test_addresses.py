from __future__ import annotations

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from modelyard.local.addresses import PortTable, assign_addresses

KEYS = st.sets(st.text("abc/-", min_size=1, max_size=6), max_size=40)


@given(KEYS)
def test_addresses_are_distinct_loopback_addresses_and_do_not_depend_on_order(keys: set[str]) -> None:
    assigned = assign_addresses("/home", keys)
    assert assigned == assign_addresses("/home", sorted(keys, reverse=True))
    assert len(set(assigned.values())) == len(keys)
    assert all(ipaddress.ip_address(one) in ipaddress.ip_network("127.8.0.0/16") for one in assigned.values())
    assert not any(one.endswith((".0", ".255")) for one in assigned.values())


@given(KEYS, KEYS)
def test_running_replicas_keep_their_addresses(before: set[str], after: set[str]) -> None:
    kept = assign_addresses("/home", before)
    assigned = assign_addresses("/home", after, kept)
    assert all(assigned[key] == kept[key] for key in before & after)
    assert len(set(assigned.values())) == len(after)


def test_two_homes_get_different_addresses() -> None:
    assert assign_addresses("/a", ["x/y"]) != assign_addresses("/b", ["x/y"])


def test_ports_are_distinct_and_stable() -> None:
    table, again = PortTable("/home"), PortTable("/home")
    asked = [(f"default/m-{n}", 8000) for n in range(300)]
    given_ports = [table.port(*one) for one in asked]
    assert len(set(given_ports)) == len(asked)
    assert given_ports == [again.port(*one) for one in asked]
    assert table.port(*asked[0]) == given_ports[0]
