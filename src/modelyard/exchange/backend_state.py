"""What a worker keeps per backend: scheduler and admission live on while snapshots and fleets are swapped."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelyard.fleet.endpoints import Endpoint
from modelyard.fleet.fleet import BackendFleet, BackendKey
from modelyard.flow.admission import Admission
from modelyard.flow.saturation import Saturation
from modelyard.picking.config import SchedulerConfig, scheduler_config
from modelyard.picking.scheduler import Scheduler
from modelyard.routing.model_targets import ModelTargets
from modelyard.snapshot import PoolPlan

if TYPE_CHECKING:
    from modelyard.exchange.model_request import ModelRequest

_NO_TARGETS = ModelTargets()
_SERVICE_CONFIG = scheduler_config(None)


class BackendState:
    """One backend as a worker sees it."""

    __slots__ = (
        "admission",
        "config",
        "fleet",
        "is_pool",
        "key",
        "known_models",
        "label",
        "saturation",
        "scheduler",
        "serving",
        "targets",
        "waiting",
    )

    def __init__(self, key: BackendKey, plan: PoolPlan | None, rng: random.Random) -> None:
        self.key = key
        self.label = str(key)
        self.is_pool = key.kind == "InferencePool"
        self.config: SchedulerConfig = plan.scheduler if plan else _SERVICE_CONFIG
        self.targets: ModelTargets = plan.targets if plan else _NO_TARGETS
        self.scheduler = Scheduler(self.config, rng)
        self.admission = Admission(self.config.flow)
        self.saturation = Saturation(self.config.flow)
        self.fleet = BackendFleet(key=key)
        self.known_models: frozenset[str] | None = None
        """Every model that a ready endpoint serves; None: at least one ready endpoint has not said."""
        self.serving: Mapping[str, frozenset[str]] = {}
        """Model -> addresses that serve it, for models that not every ready endpoint serves."""
        self.waiting: dict[int, ModelRequest[Any]] = {}
        """Queued requests by ticket id."""

    def update(self, fleet: BackendFleet, now: float) -> None:
        """Take a new picture of the endpoints."""
        if fleet is self.fleet:
            return
        before, self.fleet = self.fleet, fleet
        self.scheduler.update(fleet, now)
        if not same_models(before, fleet):
            self.known_models, self.serving = _models(fleet)

    def endpoint(self, address: str) -> Endpoint | None:
        """The endpoint at ``address``, where it still belongs to the backend."""
        for state in self.fleet.endpoints:
            if state.endpoint.address == address:
                return state.endpoint
        return None

    def saturation_at(self, now: float) -> float:
        """How full the backend is: 1 and above means that only what must not wait is admitted."""
        return self.saturation.value(self.fleet, self.scheduler.in_flight, now)


def same_models(before: BackendFleet, after: BackendFleet) -> bool:
    """Whether the same endpoints serve the same models: most fleets differ in nothing but loads, and are compared in a
    fraction of the time that their models take."""
    return before is after or (
        len(before.endpoints) == len(after.endpoints)
        and all(
            old is new
            or (
                old.ready == new.ready
                and (old.models is new.models or old.models == new.models)
                and old.endpoint.address == new.endpoint.address
            )
            for old, new in zip(before.endpoints, after.endpoints, strict=True)
        )
    )


def _models(fleet: BackendFleet) -> tuple[frozenset[str] | None, dict[str, frozenset[str]]]:
    ready = [state for state in fleet.endpoints if state.ready]
    by_model: dict[str, set[str]] = {}
    silent: set[str] = set()
    for state in ready:
        if state.models is None:
            silent.add(state.endpoint.address)
        for model in state.models or ():
            by_model.setdefault(model.id, set()).add(state.endpoint.address)
    serving = {
        model: frozenset(addresses | silent)
        for model, addresses in by_model.items()
        if len(addresses) + len(silent) < len(ready)
    }
    known = None if silent or not ready else frozenset(by_model)
    return known, serving
