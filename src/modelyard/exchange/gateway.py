"""The gateway of one process: the snapshot in force, the state that outlives it, and a factory of exchanges."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelyard.exchange.backend_state import BackendState, same_models
from modelyard.exchange.commands import ReadBody
from modelyard.exchange.contract import ClientFacts, FailureKind
from modelyard.exchange.exchange import Exchange
from modelyard.exchange.explanation import explanation
from modelyard.exchange.known_route import forget_heads
from modelyard.exchange.listed_models import ListedModels
from modelyard.exchange.picked_request import PickedRequest
from modelyard.exchange.request_ids import RequestIds
from modelyard.exchange.retry_budget import RetryBudget
from modelyard.fleet.adapter_names import awaited_names, first_base, served_names
from modelyard.fleet.fleet import BackendFleet, BackendKey, Fleet
from modelyard.routing.backends import BackendRef, CompiledBackend
from modelyard.snapshot import Snapshot, backend_key, backend_keys, mirror_keys

if TYPE_CHECKING:
    from modelyard.http1.message_heads import RequestHead

MISSING_SECONDS = 10.0
"""How long this worker does not believe an endpoint's list that a 404 has proved wrong, if no new one comes."""
SUSPECT_SECONDS = 2.0
"""How long this worker avoids an endpoint that just failed it, where others can serve: long enough for the health
check (which all workers learn of) to decide."""


class Gateway:
    """Opens exchanges. Not thread-safe; time comes in with each call, randomness from ``rng``."""

    def __init__(
        self,
        snapshot: Snapshot,
        rng: random.Random,
        *,
        on_failure: Callable[[str, FailureKind, float], None] = lambda address, kind, now: None,
        on_missing: Callable[[str, str], None] = lambda address, model: None,
    ) -> None:
        """``on_failure(address, kind, now)`` hears of every failed attempt (passive health), ``on_missing(address,
        model)`` of every adapter that an endpoint was thought to have and does not have (engine-side name)."""
        self.rng = rng
        self.random = rng.random
        self.retry_budget = RetryBudget()
        self.request_ids = RequestIds(rng)
        self.suspects: dict[str, float] = {}
        self.open_exchanges = 0
        self.known_heads: list[dict[str, Any]] = []
        """Where ``known_route`` left something; emptied with every snapshot."""
        self._on_failure = on_failure
        self._on_missing = on_missing
        self._stepping = False
        self._fleet = Fleet()
        self._states: dict[BackendKey, BackendState] = {}
        self._retired: list[BackendState] = []
        """States of former snapshots that still have requests, open or waiting: these end where they began."""
        self.swap(snapshot)

    def swap(self, snapshot: Snapshot) -> None:
        """Put a new snapshot in force. Open exchanges end under the one they began with."""
        self.snapshot = snapshot
        self.settings = snapshot.settings
        self.body_header_names = frozenset(item.header for item in snapshot.body_headers)
        forget_heads(self)
        self.routes_by_model_only = all(item.field == "model" for item in snapshot.body_headers)
        keys = backend_keys(snapshot.compiled)
        wanted = {*keys.values(), *snapshot.pools, *mirror_keys(snapshot.compiled)}
        before, self._states = self._states, {key: self._state(key) for key in wanted}
        for key, state in before.items():
            if self._states.get(key) is not state:
                state.retired = True
                self._retired.append(state)
        self.states: Mapping[CompiledBackend, BackendState] = {
            backend: self._states[key] for backend, key in keys.items()
        }
        for key in wanted - self._fleet.backends.keys():
            self._states[key].update(BackendFleet(key=key), 0.0)
        self._update_states(0.0)
        self._list_models()

    def _state(self, key: BackendKey) -> BackendState:
        """The state of ``key``, kept from the last snapshot where its scheduling did not change."""
        plan = self.snapshot.pools.get(key)
        old = self._states.get(key)
        if old is None or (plan is not None and plan.scheduler != old.config):
            return BackendState(key, plan, self.rng)
        if plan is not None:
            old.targets = plan.targets
        return old

    def update_fleet(self, fleet: Fleet, now: float) -> None:
        """Take a new picture of all endpoints."""
        before, self._fleet = self._fleet, fleet
        self._update_states(now)
        if before.backends.keys() != fleet.backends.keys() or not all(
            same_models(old, fleet.backends[key]) for key, old in before.backends.items()
        ):
            self._list_models()
        for state in (*self._states.values(), *self._retired):
            if state.waiting_for_load:
                self._step_loads(state, now)

    def _update_states(self, now: float) -> None:
        """A backend that has left the fleet keeps its endpoints until the snapshot that goes with this fleet is in
        force: requests on the way to it are not refused."""
        for key, state in self._states.items():
            backend = self._fleet.backends.get(key)
            if backend is not None:
                state.update(backend, now)
        self._retired = [state for state in self._retired if state.busy or state.scheduler.in_flight]
        for state in self._retired:
            state.update(self._fleet.backends.get(state.key) or state.fleet, now)

    def _list_models(self) -> None:
        """What depends on the endpoints' models."""
        self.base_of = dict(self.snapshot.base_models.base_of)
        for backend in self._fleet.backends.values():
            for endpoint in backend.endpoints:
                for name, served in served_names(endpoint).items():
                    self.base_of.setdefault(name, served.parent or name)
        for backend in self._fleet.backends.values():
            for endpoint in backend.endpoints:
                base = first_base(endpoint)
                if base is not None:
                    for name in awaited_names(endpoint):
                        self.base_of.setdefault(name, base)
        self.listed_models = ListedModels(self.snapshot, self._states)

    def state_of(self, key: BackendKey) -> BackendState | None:
        """The state of a backend by name."""
        return self._states.get(key)

    def in_force(self, state: BackendState) -> BackendState:
        """What a request that began with ``state``, and was not decided yet, goes by now. Where its backend is gone, it
        ends where it began."""
        current = self._states.get(state.key)
        if current is None and state not in self._retired:
            self._retired.append(state)
        return current or state

    def pool_states(self) -> list[BackendState]:
        """Of every InferencePool of the snapshot in force."""
        return [state for state in self._states.values() if state.is_pool]

    @property
    def has_waiting(self) -> bool:
        """Some request waits for admission."""
        return any(state.waiting for state in self._states.values())

    def mirror_address(self, ref: BackendRef) -> str:
        """A ready endpoint of a mirror's backend, at random; empty: none."""
        state = self._states.get(backend_key(ref))
        ready = [item.endpoint.address for item in state.fleet.endpoints if item.ready] if state else []
        return self.rng.choice(ready) if ready else ""

    def open(self, head: RequestHead, client: ClientFacts, now: float) -> Exchange:
        """Start an exchange."""
        self.open_exchanges += 1
        self.retry_budget.deposit()
        return Exchange.begin(self, head, client, now)

    def open_picked(
        self,
        key: BackendKey,
        head: RequestHead,
        now: float,
        *,
        within: frozenset[str] | None = None,
        forged: Sequence[str] = (),
        most_endpoints: int = 1,
        any_path: bool = True,
    ) -> PickedRequest | None:
        """Start a request to the pool ``key`` that another gateway carries (see ``PickedRequest.begin``); None: there
        is no such pool."""
        state = self._states.get(key)
        if state is None:
            return None
        self.open_exchanges += 1
        return PickedRequest.begin(
            self, state, head, now, within=within, forged=forged, most_endpoints=most_endpoints, any_path=any_path
        )

    def failed(self, address: str, kind: FailureKind, now: float) -> None:
        """An attempt at ``address`` failed before its first byte."""
        self.suspects[address] = now + SUSPECT_SECONDS
        self._on_failure(address, kind, now)

    def model_missing(self, state: BackendState, address: str, model: str, now: float) -> None:
        """An endpoint does not have an adapter that it listed: do not believe that until it lists it anew."""
        state.missing[address, model] = now + MISSING_SECONDS
        state.find_places()
        self._on_missing(address, model)

    def avoided(self, now: float) -> tuple[str, ...]:
        """Endpoints that just failed."""
        if not self.suspects:
            return ()
        self.suspects = {address: until for address, until in self.suspects.items() if until > now}
        return tuple(self.suspects)

    def step(self, now: float) -> None:
        """Admit or expire queued requests; called by the shell's coarse timer and when an exchange ends.

        A request that is admitted may end at once and call this again: that inner call leaves the work to this one
        or to the next tick, so that a long queue never nests.
        """
        if self._stepping:
            return
        self._stepping = True
        try:
            for state in (*self._states.values(), *self._retired) if self._retired else self._states.values():
                if state.busy:
                    self._step_state(state, now)
        finally:
            self._stepping = False

    def _step_state(self, state: BackendState, now: float) -> None:
        if state.waiting:
            self._step_admission(state, now)
        if state.missing and min(state.missing.values()) <= now:
            state.missing = {what: until for what, until in state.missing.items() if until > now}
            state.find_places()
        if state.waiting_for_load:
            self._step_loads(state, now)

    def _step_loads(self, state: BackendState, now: float) -> None:
        """Let go on what waits for an adapter that is loaded now, or that nobody will load any more."""
        for model in state.load_waits.counts:
            if model not in state.loading:
                for ticket in state.load_waits.take(model):
                    state.waiting_for_load.pop(ticket).on_load_known(now)
        for ticket in state.load_waits.expire(now):
            state.waiting_for_load.pop(ticket).on_load_overdue(now)

    def _step_admission(self, state: BackendState, now: float) -> None:
        admitted, expired = state.admission.step(now, state.saturation_at(now), state.has_ready())
        for ticket in admitted:
            exchange = state.waiting.pop(ticket.id, None)
            if exchange is not None:
                exchange.on_admitted(now)
        for ticket in expired:
            exchange = state.waiting.pop(ticket.id, None)
            if exchange is not None:
                exchange.on_queue_expired(now)

    def waiting_for_loads(self) -> Mapping[BackendKey, Mapping[str, int]]:
        """Requests that wait in this worker for an adapter to be loaded, by backend and adapter."""
        counts: dict[BackendKey, dict[str, int]] = {}
        for state in (*self._states.values(), *self._retired):
            for model, count in state.load_waits.counts.items():
                row = counts.setdefault(state.key, {})
                row[model] = row.get(model, 0) + count
        return counts

    def in_flight(self) -> Mapping[BackendKey, Mapping[str, int]]:
        """Requests that this worker has open, by backend and address."""
        counts = {key: dict(state.scheduler.in_flight) for key, state in self._states.items()}
        for state in self._retired:
            row = counts.setdefault(state.key, {})
            for address, count in state.scheduler.in_flight.items():
                row[address] = row.get(address, 0) + count
        return counts

    def explain(self, head: RequestHead, body: bytes, client: ClientFacts, now: float) -> dict[str, Any]:
        """Where the request would go and why, without sending it or counting it."""
        exchange = Exchange.begin(self, head, client, now, explain=True)
        command = exchange.on_head(now)
        if isinstance(command, ReadBody):
            command = exchange.on_body(body, now)
        answer = explanation(exchange, command)
        exchange.discard()
        return answer
