"""What changed between two fleets, in a form that msgpack carries to the workers."""

from __future__ import annotations

import msgspec

from modelyard.fleet.endpoints import EndpointState, EngineLoad
from modelyard.fleet.fleet import BackendFleet, BackendKey, Fleet


class BackendDelta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The change of one backend."""

    key: BackendKey
    version: int
    endpoints: tuple[EndpointState, ...] | None = None
    """All endpoints, where the list itself changed (or the backend is new); the other fields are then
    empty."""
    changed: tuple[tuple[int, EndpointState], ...] = ()
    """Endpoints whose state changed, by position."""
    read_at: tuple[tuple[int, float], ...] = ()
    """Endpoints whose load was read again with the same result, by position, with the new
    ``EngineLoad.at``."""


class FleetDelta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The change from one fleet to the next."""

    version: int
    backends: tuple[BackendDelta, ...] = ()
    removed: tuple[BackendKey, ...] = ()


def diff(old: Fleet, new: Fleet) -> FleetDelta:
    """What turns ``old`` into ``new``; from an empty ``Fleet()`` it is the whole of ``new``."""
    backends = []
    for key, backend in new.backends.items():
        before = old.backends.get(key)
        if before is not backend and before != backend:
            backends.append(_diff_backend(before, backend))
    removed = tuple(key for key in old.backends if key not in new.backends)
    return FleetDelta(version=new.version, backends=tuple(backends), removed=removed)


def apply(old: Fleet, delta: FleetDelta) -> Fleet:
    """The fleet after the change; untouched backends and endpoints stay the same objects.

    Raises ValueError when the delta does not belong to ``old`` (a worker that missed one asks for the whole).
    """
    backends = dict(old.backends)
    for key in delta.removed:
        if backends.pop(key, None) is None:
            raise ValueError(f"delta removes {key}, which is not there; send the whole fleet")
    for change in delta.backends:
        backends[change.key] = _apply_backend(backends.get(change.key), change)
    return Fleet(backends=backends, version=delta.version)


def _diff_backend(old: BackendFleet | None, new: BackendFleet) -> BackendDelta:
    if old is None or _addresses(old) != _addresses(new):
        return BackendDelta(key=new.key, version=new.version, endpoints=new.endpoints)
    changed: list[tuple[int, EndpointState]] = []
    read_at: list[tuple[int, float]] = []
    for index, (before, after) in enumerate(zip(old.endpoints, new.endpoints, strict=True)):
        if before is after or before == after:
            continue
        if after.load is not None and same_values(before, after):
            read_at.append((index, after.load.at))
        else:
            changed.append((index, after))
    return BackendDelta(key=new.key, version=new.version, changed=tuple(changed), read_at=tuple(read_at))


def same_load(before: EngineLoad, after: EngineLoad) -> bool:
    """Whether two readings differ in nothing but their time."""
    return before == msgspec.structs.replace(after, at=before.at)


def same_values(before: EndpointState, after: EndpointState) -> bool:
    """Whether two states of one endpoint differ in nothing but the time of the reading."""
    if before.load is None or after.load is None:
        return before == after
    return same_load(before.load, after.load) and before == msgspec.structs.replace(after, load=before.load)


def _addresses(backend: BackendFleet) -> list[str]:
    return [state.endpoint.address for state in backend.endpoints]


def _apply_backend(old: BackendFleet | None, change: BackendDelta) -> BackendFleet:
    if change.endpoints is not None:
        return BackendFleet(key=change.key, endpoints=change.endpoints, version=change.version)
    if old is None:
        raise ValueError(f"delta changes {change.key}, which is not there; send the whole fleet")
    endpoints = list(old.endpoints)
    try:
        for index, state in change.changed:
            endpoints[index] = state
        for index, at in change.read_at:
            endpoints[index] = _read_again(endpoints[index], at)
    except IndexError:
        raise ValueError(f"delta is for another list of {change.key}; send the whole fleet") from None
    return BackendFleet(key=change.key, endpoints=tuple(endpoints), version=change.version)


def _read_again(state: EndpointState, at: float) -> EndpointState:
    if state.load is None:
        return state
    return msgspec.structs.replace(state, load=msgspec.structs.replace(state.load, at=at))
