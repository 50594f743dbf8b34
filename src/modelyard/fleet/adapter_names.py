"""Under which names clients know what an endpoint serves, and what its engine calls it.

Adapters that are managed here have a mapping (``EndpointState.adapter_names``): a new version of ``food-review`` runs
beside the old one as ``food-review@1a2b3c4d``. Ray Serve LLM addresses adapters as ``base:adapter`` (its base model's
id ends at the first colon). Neither form is for clients to see, unless it takes Ray's to tell two adapters apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from modelyard.fleet.endpoints import EndpointState, EngineLoad, ServedModel

RAY_ENGINE = "ray-serve"

_VERSION = re.compile(r".@[0-9a-f]{8}\Z")


class Served(NamedTuple):
    """What one name means at one endpoint."""

    engine_name: str
    parent: str | None = None
    """Base model of an adapter; None for a base model."""
    hidden: bool = False
    """An engine-side name: answered when asked for by it, but not listed."""


def served_names(state: EndpointState) -> Mapping[str, Served]:
    """Everything that the endpoint can be asked for now. Empty where its models are not known."""
    models = {model.id: model for model in state.models or ()}
    ray = state.endpoint.engine == RAY_ENGINE
    base = first_base(state)
    names: dict[str, Served] = {}
    behind: dict[str, list[Served]] = {}
    for model in models.values():
        adapter = _ray_adapter(model, models) if ray else ""
        parent = model.id.partition(":")[0] if adapter else model.parent
        version = parent is not None and _VERSION.search(model.id) is not None
        names[model.id] = Served(model.id, parent, version or bool(adapter))
        if adapter:
            behind.setdefault(adapter, []).append(Served(model.id, parent, version))
    for name, several in behind.items():
        if len(several) == 1:
            names.setdefault(name, several[0])
        else:  # one adapter's name on several models: only Ray's own names say which
            names.update({one.engine_name: one for one in several})
    for name, engine_name in state.adapter_names.items():
        listed = names.get(engine_name) if engine_name in models else None
        if listed is not None:
            names[name] = Served(engine_name, listed.parent or base)
        else:
            names.pop(name, None)
    return names


def awaited_names(state: EndpointState) -> Iterator[str]:
    """Adapters that the endpoint should have, whether it has them already or not."""
    yield from state.expected
    for name, engine_name in state.adapter_names.items():
        if engine_name:
            yield name


def first_base(state: EndpointState) -> str | None:
    """The base model of an endpoint that has one; adapters that are still to come will be on it."""
    return next((model.id for model in state.models or () if model.parent is None), None)


def client_load(load: EngineLoad, engine_names: Mapping[str, str]) -> EngineLoad:
    """The load with adapters under the names by which requests ask for them; ``engine_names``: client -> engine."""
    clients = {engine_name: name for name, engine_name in engine_names.items()}
    running = frozenset(clients.get(name, name) for name in load.running_loras)
    waiting = frozenset(clients.get(name, name) for name in load.waiting_loras)
    if running == load.running_loras and waiting == load.waiting_loras:
        return load
    return replace(load, running_loras=running, waiting_loras=waiting)


def _ray_adapter(model: ServedModel, models: Mapping[str, ServedModel]) -> str:
    """The adapter's own name in ``base:adapter``; empty for another id."""
    base, _, adapter = model.id.partition(":")
    return adapter if adapter and base in models else ""
