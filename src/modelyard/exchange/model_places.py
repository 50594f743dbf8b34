"""Which endpoints of a backend serve which model, under which name, and which adapters are still to be loaded."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from modelyard.fleet.adapter_names import Served, awaited_names, client_load, served_names
from modelyard.fleet.endpoints import EndpointState
from modelyard.fleet.fleet import BackendFleet

Missing = Collection[tuple[str, str]]
"""(address, engine-side name) of adapters that an endpoint turned out not to have."""


class Place(NamedTuple):
    """Where one model is served."""

    addresses: frozenset[str]
    """Endpoints that a request for it may go to; none: an adapter that is loaded nowhere."""
    names: Mapping[str, str]
    """Address -> the engine-side name, where that is another one than the model's."""


class ModelPlaces(NamedTuple):
    """The models of one backend's ready endpoints."""

    known: frozenset[str] | None = None
    """Every model that one serves; None: at least one has not said, or none is ready."""
    places: Mapping[str, Place] = {}
    """Of models that not every ready endpoint serves, or not under their own name everywhere."""
    loading: frozenset[str] = frozenset()
    """Adapters that are to be loaded somewhere and are loaded nowhere."""
    adapters: frozenset[str] = frozenset()
    """Names that are certainly adapters: an endpoint that has not said what it serves is no place for them."""
    engine_names: Mapping[str, Mapping[str, str]] = {}
    """Address -> name -> the engine-side name, where that is another one."""


def model_places(fleet: BackendFleet, missing: Missing = ()) -> ModelPlaces:
    """What the endpoints' lists and mappings come to."""
    ready = [state for state in fleet.endpoints if state.ready]
    silent = frozenset(state.endpoint.address for state in ready if state.models is None)
    served: dict[str, dict[str, Served]] = {}
    for state in ready:
        for name, what in served_names(without(state, missing)).items():
            served.setdefault(name, {})[state.endpoint.address] = what
    awaited = {name for state in fleet.endpoints for name in awaited_names(state)}
    loading = frozenset(awaited - served.keys())
    adapters = frozenset(name for name, at in served.items() if any(what.parent for what in at.values())) | awaited
    managed = awaited.union(*(state.adapter_names for state in fleet.endpoints))
    places = {name: Place(frozenset(), {}) for name in managed - served.keys()}
    for name, at in served.items():
        addresses = frozenset(at) if name in adapters else silent.union(at)
        names = {address: what.engine_name for address, what in at.items() if what.engine_name != name}
        if names or len(addresses) < len(ready):
            places[name] = Place(addresses, names)
    engine_names: dict[str, dict[str, str]] = {}
    for name, place in places.items():
        for address, engine_name in place.names.items():
            engine_names.setdefault(address, {})[name] = engine_name
    known = None if silent or not ready else frozenset(served)
    return ModelPlaces(known, places, loading, adapters, engine_names)


def without(state: EndpointState, missing: Missing) -> EndpointState:
    """The state without the adapters that it turned out not to have."""
    if not missing or state.models is None:
        return state
    address = state.endpoint.address
    return replace(state, models=tuple(model for model in state.models if (address, model.id) not in missing))


def picking_view(fleet: BackendFleet, engine_names: Mapping[str, Mapping[str, str]]) -> BackendFleet:
    """The fleet as picking reads it: policies know adapters by the names that requests have."""
    endpoints = tuple(_renamed(state, engine_names.get(state.endpoint.address)) for state in fleet.endpoints)
    return replace(fleet, endpoints=endpoints)


def _renamed(state: EndpointState, engine_names: Mapping[str, str] | None) -> EndpointState:
    if engine_names is None or state.load is None:
        return state
    load = client_load(state.load, engine_names)
    return state if load is state.load else replace(state, load=load)
