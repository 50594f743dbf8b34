"""Deltas: whatever two fleets are, the delta turns one into the other, also over the wire."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.fleet.delta import FleetDelta, apply, diff, same_load, same_values
from modelyard.fleet.endpoints import Endpoint, EndpointState, EngineLoad, ServedModel
from modelyard.fleet.fleet import BackendFleet, BackendKey, Fleet

KEYS = [BackendKey(kind="Service", namespace="d", name=name, port=1) for name in "abc"]
LOADS = st.builds(
    EngineLoad,
    at=st.sampled_from([1.0, 2.0]),
    waiting=st.integers(0, 2),
    running_loras=st.frozensets(st.sampled_from("xy")),
)
STATES = st.builds(
    EndpointState,
    endpoint=st.builds(Endpoint, address=st.sampled_from(["1:1", "2:1", "3:1"]), labels=st.just({"a": "b"})),
    ready=st.booleans(),
    load=st.none() | LOADS,
    models=st.none() | st.just((ServedModel(id="m", parent="b"),)),
)
FLEETS = st.dictionaries(
    st.sampled_from(KEYS), st.tuples(st.lists(STATES, max_size=4), st.integers(0, 3)), max_size=3
).map(
    lambda found: Fleet(
        backends={k: BackendFleet(key=k, endpoints=tuple(e), version=v) for k, (e, v) in found.items()}, version=7
    )
)


@given(FLEETS, FLEETS)
def test_the_delta_leads_from_one_to_the_other(old: Fleet, new: Fleet) -> None:
    wire = msgspec.msgpack.encode(diff(old, new))
    assert apply(old, msgspec.msgpack.decode(wire, type=FleetDelta)) == new
    assert apply(Fleet(), diff(Fleet(), new)) == new


@given(FLEETS)
def test_no_change_is_an_empty_delta(fleet: Fleet) -> None:
    assert diff(fleet, fleet) == FleetDelta(version=7)


def fleet(*states: EndpointState, version: int = 1) -> Fleet:
    return Fleet(backends={KEYS[0]: BackendFleet(key=KEYS[0], endpoints=states, version=version)}, version=version)


def state(address: str, at: float = 1.0, waiting: int = 0) -> EndpointState:
    return EndpointState(endpoint=Endpoint(address=address), load=EngineLoad(at=at, waiting=waiting))


def test_a_reading_with_the_same_values_is_a_number() -> None:
    old = fleet(state("1:1"), state("2:1"))
    new = fleet(state("1:1"), state("2:1", at=9.0))
    (backend,) = diff(old, new).backends
    assert backend.read_at == ((1, 9.0),)
    assert backend.changed == ()
    assert backend.endpoints is None
    after = apply(old, diff(old, new))
    assert after == new
    assert after.backends[KEYS[0]].endpoints[0] is old.backends[KEYS[0]].endpoints[0]


def test_one_changed_endpoint_of_many_is_sent_alone() -> None:
    many = [state(f"{n}:1") for n in range(1000)]
    old = fleet(*many)
    new = fleet(*many[:500], state("500:1", waiting=3), *many[501:], version=2)
    delta = diff(old, new)
    assert [index for index, _ in delta.backends[0].changed] == [500]
    assert len(msgspec.msgpack.encode(delta)) < 300
    assert apply(old, delta) == new


def test_a_delta_for_another_fleet_is_refused() -> None:
    old, new = fleet(state("1:1"), state("2:1")), fleet(state("1:1"), state("2:1", waiting=1))
    with pytest.raises(ValueError, match="whole fleet"):
        apply(Fleet(), diff(old, new))
    with pytest.raises(ValueError, match="whole fleet"):
        apply(fleet(state("1:1")), diff(old, new))
    with pytest.raises(ValueError, match="whole fleet"):
        apply(Fleet(), diff(old, Fleet()))


def test_sameness_looks_through_the_time_only() -> None:
    assert same_load(EngineLoad(at=1.0, waiting=1), EngineLoad(at=2.0, waiting=1))
    assert not same_load(EngineLoad(at=1.0, waiting=1), EngineLoad(at=1.0, waiting=2))
    assert same_values(state("1:1"), state("1:1", at=4.0))
    assert not same_values(state("1:1"), msgspec.structs.replace(state("1:1", at=4.0), ready=False))
