"""``GET /v1/models`` of a listener: the merged list of what its routes can serve (design, section 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from modelyard.bodies.models_list import MODELS_PATH, ModelEntry, model_body, models_body, requested_model
from modelyard.exchange import refusals
from modelyard.exchange.backend_state import BackendState
from modelyard.exchange.commands import Respond
from modelyard.fleet.adapter_names import served_names
from modelyard.fleet.fleet import BackendKey
from modelyard.routing.table import RouteEntry
from modelyard.snapshot import Snapshot, backend_key

_JSON = ("content-type", "application/json")


class ListedModels:
    """Answers by listener group, made once per snapshot and fleet, on first use."""

    __slots__ = ("_answers", "_snapshot", "_states")

    def __init__(self, snapshot: Snapshot, states: Mapping[BackendKey, BackendState]) -> None:
        self._snapshot = snapshot
        self._states = states
        self._answers: dict[str, dict[str, ModelEntry] | None] = {}

    def answer(self, group: str, path: str) -> Respond | None:
        """The answer for ``/v1/models`` or ``/v1/models/<id>``; None: no models here, or another path."""
        name = requested_model(path)
        if path != MODELS_PATH and name is None:
            return None
        if group not in self._answers:
            self._answers[group] = self._collect(group)
        models = self._answers[group]
        if models is None:
            return None
        if name is None:
            return Respond(200, [_JSON], models_body(models.values()))
        if name in models:
            return Respond(200, [_JSON], model_body(models[name]))
        return refusals.refuse(
            404,
            f"The model {name!r} does not exist here. GET /v1/models lists what there is.",
            code="model_not_found",
            param="model",
        )

    def names(self, group: str) -> tuple[str, ...]:
        """Names that clients of the listener may use."""
        self.answer(group, MODELS_PATH)
        return tuple(self._answers.get(group) or ())

    def _collect(self, group: str) -> dict[str, ModelEntry] | None:
        model_headers = {item.header for item in self._snapshot.body_headers if item.field == "model"}
        serves_models = False
        found: dict[str, ModelEntry] = {}
        for entry in self._snapshot.table.entries(group):
            named = _named_models(entry, model_headers)
            pools = [backend for backend in entry.rule.backends.all if backend.ref.kind == "InferencePool"]
            serves_models = serves_models or bool(named or pools)
            for backend in entry.rule.backends.all:
                state = self._states.get(backend_key(backend.ref))
                if state is not None and (named or backend.ref.kind == "InferencePool"):
                    _merge(found, _models_of(state, named))
        return dict(sorted(found.items())) if serves_models else None


def _named_models(entry: RouteEntry, model_headers: set[str]) -> tuple[str, ...]:
    return tuple(value for name, value in entry.conditions.headers if name in model_headers)


def _models_of(state: BackendState, named: tuple[str, ...]) -> Iterable[ModelEntry]:
    """What the engines serve (narrowed to the route's own names), and the names that the pool's objects define."""
    for endpoint in state.fleet.endpoints:
        for name, served in served_names(endpoint).items() if endpoint.ready else ():
            if not served.hidden and (not named or name in named):
                yield ModelEntry(id=name, parent=served.parent)
    for name in named or state.targets.names:
        yield ModelEntry(id=name)


def _merge(found: dict[str, ModelEntry], models: Iterable[ModelEntry]) -> None:
    for model in models:
        if model.id not in found:
            found[model.id] = model
