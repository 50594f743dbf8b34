"""Local addresses of Gateways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.control.addresses import Binding, NoAddress, local_port, plan_bindings

A, B, C = ("default", "a"), ("default", "b"), ("other", "a")


def plan(
    *wanted: tuple[tuple[str, str], int, bool],
    bind: str = "127.0.0.1",
    ports=None,
    privileged=False,
    before=(),
    requested=None,
):
    return plan_bindings(
        wanted,
        bind=bind,
        ports=ports or {},
        may_bind_privileged=privileged,
        before=before,
        requested=requested or {},
    )


def test_the_first_gateway_takes_the_bind_address_and_port_80_moves() -> None:
    assert plan((A, 80, False)) == (Binding("default/a:80", A, 80, "127.0.0.1", 8080, False),)


@pytest.mark.parametrize(
    ("ports", "expected"),
    [((80, 8080), [8081, 8080]), ((8080, 80), [8080, 8081]), ((443, 8443, 80), [8444, 8443, 8080])],
)
def test_a_port_that_moves_gives_way_to_one_of_the_same_gateway_that_stays(ports, expected) -> None:
    assert [binding.local_port for binding in plan(*((A, port, False) for port in ports))] == expected


def test_two_ports_of_a_gateway_cannot_be_mapped_to_one() -> None:
    with pytest.raises(NoAddress, match="local port 8080"):
        plan((A, 80, False), (A, 8080, False), ports={80: 8080})


def test_gateways_on_one_port_get_addresses_of_their_own() -> None:
    hosts = [binding.host for binding in plan((A, 80, False), (B, 80, False), (C, 80, False))]
    assert hosts == ["127.0.0.1", "127.7.0.1", "127.7.0.2"]


def test_gateways_on_different_ports_share_the_address() -> None:
    assert {binding.host for binding in plan((A, 80, False), (B, 443, True))} == {"127.0.0.1"}


def test_all_ports_of_a_gateway_stay_on_one_address() -> None:
    bindings = plan((A, 80, False), (B, 443, True), (B, 80, False))
    assert {binding.host for binding in bindings if binding.gateway == B} == {"127.7.0.1"}


def hosts_of(bindings) -> dict[tuple[str, str], str]:
    return {binding.gateway: binding.host for binding in bindings}


def test_a_gateway_stays_where_it_is_while_others_come_and_go() -> None:
    three = plan((A, 80, False), (B, 80, False), (C, 80, False))
    fewer = plan((B, 80, False), (C, 80, False), before=three)
    assert hosts_of(fewer) == {B: "127.7.0.1", C: "127.7.0.2"}
    again = plan((A, 80, False), (B, 80, False), (C, 80, False), before=fewer)
    assert hosts_of(again) == hosts_of(three)
    new_first = plan((C, 80, False), (A, 80, False), (B, 80, False), before=plan((A, 80, False), (B, 80, False)))
    assert hosts_of(new_first) == {A: "127.0.0.1", B: "127.7.0.1", C: "127.7.0.2"}


def test_a_gateway_that_asks_for_a_taken_port_is_the_one_that_moves() -> None:
    before = plan((A, 80, False), (B, 443, True))
    after = plan((A, 80, False), (A, 443, True), (B, 443, True), before=before)
    assert hosts_of(after) == {A: "127.7.0.1", B: "127.0.0.1"}


def test_a_gateway_has_the_addresses_it_asks_for() -> None:
    bindings = plan((A, 80, False), (B, 80, False), requested={B: ("127.0.0.5", "127.0.0.6")})
    assert [(b.gateway, b.host) for b in bindings] == [(A, "127.0.0.1"), (B, "127.0.0.5"), (B, "127.0.0.6")]


def test_a_gateway_gives_way_to_one_that_asks_for_its_address() -> None:
    before = plan((A, 80, False))
    after = plan((A, 80, False), (B, 80, False), before=before, requested={B: ("127.0.0.1",)})
    assert hosts_of(after) == {A: "127.7.0.1", B: "127.0.0.1"}


def test_a_given_port_wins() -> None:
    assert plan((A, 80, False), ports={80: 9000}, privileged=True)[0].local_port == 9000


def test_two_gateways_on_one_public_port_are_refused_with_a_way_out() -> None:
    with pytest.raises(NoAddress, match="--port GATEWAYPORT=LOCALPORT"):
        plan((A, 80, False), (B, 80, False), bind="0.0.0.0")


@pytest.mark.parametrize(
    ("port", "privileged", "expected"),
    [(80, False, 8080), (443, False, 8443), (81, False, 8081), (80, True, 80), (8000, False, 8000)],
)
def test_privileged_ports_move(port: int, privileged: bool, expected: int) -> None:
    assert local_port(port, privileged) == expected


@given(st.lists(st.tuples(st.sampled_from([A, B, C]), st.sampled_from([80, 443, 8000]), st.just(False)), unique=True))
def test_no_two_bindings_share_a_socket(wanted: list[tuple[tuple[str, str], int, bool]]) -> None:
    bindings = plan(*wanted)
    assert len({(binding.host, binding.local_port) for binding in bindings}) == len(wanted)
    assert plan(*wanted) == bindings
