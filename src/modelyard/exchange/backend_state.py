"""What a worker keeps per backend: scheduler and admission live on while snapshots and fleets are swapped."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from modelyard.exchange.model_places import Place, model_places, picking_view
from modelyard.fleet.adapter_names import awaited_names
from modelyard.fleet.endpoints import Endpoint
from modelyard.fleet.fleet import BackendFleet, BackendKey
from modelyard.flow.admission import Admission
from modelyard.flow.load_waits import LoadWaits
from modelyard.flow.saturation import Saturation
from modelyard.picking.config import SchedulerConfig, scheduler_config
from modelyard.picking.scheduler import Scheduler
from modelyard.routing.model_targets import ModelTargets
from modelyard.snapshot import PoolPlan

if TYPE_CHECKING:
    from modelyard.exchange.adapter_wait import AdapterWait
    from modelyard.exchange.model_request import ModelRequest

_NO_TARGETS = ModelTargets()
_SERVICE_CONFIG = scheduler_config(None)


class BackendState:
    """One backend as a worker sees it."""

    __slots__ = (
        "_engine_names",
        "adapters",
        "admission",
        "config",
        "fleet",
        "is_pool",
        "key",
        "label",
        "load_waits",
        "loading",
        "missing",
        "only_models",
        "places",
        "retired",
        "saturation",
        "scheduler",
        "targets",
        "waiting",
        "waiting_for_load",
    )

    def __init__(self, key: BackendKey, plan: PoolPlan | None, rng: random.Random) -> None:
        self.key = key
        self.label = str(key)
        self.retired = False
        """Another one is in force for the backend, or none."""
        self.is_pool = key.kind == "InferencePool"
        self.config: SchedulerConfig = plan.scheduler if plan else _SERVICE_CONFIG
        self.targets: ModelTargets = plan.targets if plan else _NO_TARGETS
        self.scheduler = Scheduler(self.config, rng)
        self.admission = Admission(self.config.flow)
        self.saturation = Saturation(self.config.flow)
        self.fleet = BackendFleet(key=key)
        self.only_models: frozenset[str] | None = None
        """A pool's models, where all ready endpoints have said which they serve; None: any model may be asked for."""
        self.places: Mapping[str, Place] = {}
        """Of models that not every ready endpoint serves, or not under their own name everywhere."""
        self.loading: frozenset[str] = frozenset()
        """Adapters that will be loaded, and are loaded nowhere yet."""
        self.adapters: frozenset[str] = frozenset()
        self._engine_names: Mapping[str, Mapping[str, str]] = {}
        self.missing: dict[tuple[str, str], float] = {}
        """(address, engine-side name) of adapters that an endpoint answered 404 for, until when that counts unless its
        list says so first."""
        self.load_waits = LoadWaits(self.config.flow)
        self.waiting_for_load: dict[int, AdapterWait[Any]] = {}
        """Requests by their tickets of ``load_waits``."""
        self.waiting: dict[int, ModelRequest[Any]] = {}
        """Queued requests by ticket id."""

    def update(self, fleet: BackendFleet, now: float) -> None:
        """Take a new picture of the endpoints."""
        if fleet is self.fleet:
            return
        before, self.fleet = self.fleet, fleet
        if not same_models(before, fleet):
            listed = (
                {(s.endpoint.address, m.id) for s in fleet.endpoints for m in s.models or ()} if self.missing else ()
            )
            self.missing = {what: until for what, until in self.missing.items() if what in listed}
            self.find_places()
        self.scheduler.update(picking_view(fleet, self._engine_names) if self._engine_names else fleet, now)

    def find_places(self) -> None:
        """Work out anew which endpoint serves what."""
        found = model_places(self.fleet, self.missing)
        self.only_models = found.known if self.is_pool else None
        self.places, self.loading, self.adapters = found.places, found.loading, found.adapters
        self._engine_names = found.engine_names

    def awaiting(self, adapter: str) -> list[str]:
        """Addresses of the endpoints where the adapter is to be loaded."""
        return [item.endpoint.address for item in self.fleet.endpoints if adapter in awaited_names(item)]

    @property
    def busy(self) -> bool:
        """Whether there is anything to do for it when time passes."""
        return bool(self.waiting or self.waiting_for_load or self.missing)

    def endpoint(self, address: str) -> Endpoint | None:
        """The endpoint at ``address``, where it still belongs to the backend."""
        for state in self.fleet.endpoints:
            if state.endpoint.address == address:
                return state.endpoint
        return None

    def has_ready(self, within: Collection[str] | None = None) -> bool:
        """Whether any endpoint is ready, of those at ``within`` where that is given."""
        return any(item.ready and (within is None or item.endpoint.address in within) for item in self.fleet.endpoints)

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
                and old.adapter_names == new.adapter_names
                and old.expected == new.expected
                and old.endpoint.engine == new.endpoint.engine
                and old.endpoint.address == new.endpoint.address
            )
            for old, new in zip(before.endpoints, after.endpoints, strict=True)
        )
    )
