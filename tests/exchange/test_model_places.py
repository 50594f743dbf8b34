from __future__ import annotations

from msgspec.structs import replace

from modelyard.exchange.model_places import ModelPlaces, Place, model_places, picking_view
from modelyard.fleet.endpoints import EndpointState, EngineLoad
from modelyard.fleet.fleet import BackendFleet

from .conftest import POOL, endpoint

A, B = "127.0.0.1:8001", "127.0.0.1:8002"
NEW = "sql@1a2b3c4d"


def places(*states: EndpointState, missing: tuple[tuple[str, str], ...] = ()) -> ModelPlaces:
    return model_places(BackendFleet(key=POOL, endpoints=states), missing)


def test_what_every_endpoint_serves_under_its_own_name_has_no_place() -> None:
    found = places(endpoint(A, "base", "sql<base"), endpoint(B, "base", "sql<base"))
    assert (found.known, found.places, found.adapters) == ({"base", "sql"}, {}, {"sql"})


def test_a_place_says_where_and_under_which_name() -> None:
    mapped = replace(endpoint(A, "base", f"{NEW}<base"), adapter_names={"sql": NEW})
    found = places(mapped, endpoint(B, "base"))
    assert found.places["sql"] == Place(frozenset({A}), {A: NEW})
    assert found.engine_names == {A: {"sql": NEW}}


def test_nobody_knows_what_a_silent_endpoint_serves_but_no_adapter_goes_there() -> None:
    found = places(endpoint(A, "base", "sql<base"), endpoint(B))
    assert found.known is None
    assert "base" not in found.places
    assert found.places["sql"].addresses == {A}


def test_an_adapter_to_come_has_an_empty_place() -> None:
    found = places(replace(endpoint(A, "base"), expected=frozenset({"sql"})), endpoint(B, ready=False))
    assert found.loading == {"sql"}
    assert found.places == {"sql": Place(frozenset(), {})}


def test_what_is_missing_is_not_there() -> None:
    both = (endpoint(A, "base", "sql<base"), endpoint(B, "base", "sql<base"))
    assert places(*both, missing=((A, "sql"),)).places["sql"].addresses == {B}


def test_picking_reads_loads_under_the_names_of_requests() -> None:
    load = EngineLoad(at=1.0, running_loras=frozenset({NEW}))
    fleet = BackendFleet(key=POOL, endpoints=(replace(endpoint(A), load=load), endpoint(B)), version=7)
    seen = picking_view(fleet, {A: {"sql": NEW}})
    first, second = seen.endpoints
    assert first.load is not None
    assert first.load.running_loras == {"sql"}
    assert second is fleet.endpoints[1]
    assert seen.version == 7
