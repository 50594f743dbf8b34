"""A request for a model, from the facts of its body to the release of its last counter: which model the backend is
asked for, admission, and picking. How it came in and how it goes out belongs to the subclass.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from modelyard.bodies.api_paths import is_model_api, normalise_path
from modelyard.bodies.facts import BodyError
from modelyard.exchange.adapter_wait import AdapterWait
from modelyard.exchange.body_reading import read_body
from modelyard.exchange.commands import Respond, Wait
from modelyard.exchange.observed_answer import ObservedAnswer
from modelyard.exchange.record import ExchangeRecord
from modelyard.exchange.request_state import Go
from modelyard.flow.admission import Admitted, Offer, Shed
from modelyard.picking.contract import Decision, NoEndpoint, PickRequest
from modelyard.picking.profile_choice import UnknownProfile

if TYPE_CHECKING:
    from modelyard.exchange.backend_state import BackendState
    from modelyard.exchange.contract import Outcome

OBJECTIVE_HEADERS = ("x-llm-d-inference-objective", "x-gateway-inference-objective")
FAIRNESS_HEADERS = ("x-llm-d-inference-fairness-id", "x-gateway-inference-fairness-id")
DEFAULT_FAIRNESS_ID = "default-flow"


class ModelRequest(AdapterWait[Go], ObservedAnswer[Go], eq=False):
    """What every shell's request has in common. Nothing here waits."""

    # ── models ──

    def _name_models(self, state: BackendState, now: float) -> Respond | Wait | None:
        """Decide which model the backend is asked for; None: go on."""
        head = self.head
        if state.is_pool:
            refused = self._narrow_path(state)
            if refused is not None:
                return refused
        model = self.facts.model
        if model is None and state.is_pool and self.body is not None and self.facts.dialect:
            return self._no_model_named()
        objective = _first(head.by_name, OBJECTIVE_HEADERS)
        self.priority = self.record.priority = state.targets.priority(model or "", objective)
        if model is None:
            return None
        self.target_model = target = self._target(state, model)
        self.record.target_model = target
        only = state.only_models
        if (target in state.loading) if only is None else (target not in only):
            return self._not_served(state, model, target, now)
        return None

    def _target(self, state: BackendState, model: str) -> str:
        """The name that the pool's objects give ``model``."""
        return state.targets.target(model, self._gateway.random())

    def _narrow_path(self, state: BackendState) -> Respond | None:
        """Only the model API's paths go to a pool, in their one spelling, as they are after the route's rewrites."""
        path = normalise_path(self.path)
        if path is None or not is_model_api(path):
            message = f"Path {self.path!r} is not part of the model API that {state.label} serves."
            return self._refuse(404, message, "path_not_served")
        if self.body is not None and not self.facts.dialect and path != self.head.path:
            try:
                self.facts = read_body(self._gateway, self.head, path, self.body)
            except BodyError as error:
                return self._bad_body(error)
            self._note_facts()
        self.path = path
        return None

    def _no_model_named(self) -> Respond:
        return self._refuse(400, "The request names no model: add the field 'model'.", "missing_model", param="model")

    # ── admission ──

    def _admit(self, state: BackendState, now: float) -> Respond | Go | Wait:
        admission = state.admission
        if self.priority >= 0 and not admission.enabled:
            return self._first_attempt(state, now)
        fairness_id = _first(self.head.by_name, FAIRNESS_HEADERS) or DEFAULT_FAIRNESS_ID
        if admission.enabled:
            self.record.fairness_id = fairness_id
        offer = Offer(
            priority=self.priority,
            fairness_id=fairness_id,
            size=len(self.body or b""),
            deadline=self.deadline or inf,
        )
        if self._explain:
            return self._first_attempt(state, now)
        if self._within is not None and not state.has_ready(self._allowed(state)):
            # Waiting would not help: load is not what the subset lacks.
            return self._lacks_endpoints("no ready endpoint is in the subset asked for")
        verdict = admission.offer(offer, now, state.saturation_at(now))
        if isinstance(verdict, Admitted):
            return self._first_attempt(state, now)
        if isinstance(verdict, Shed):
            return self._not_admitted(state, verdict.reason, verdict.retry_after)
        self._queued_at = now
        self._ticket = verdict.ticket.id
        state.waiting[self._ticket] = self
        return Wait(self._ticket, self.deadline)

    def on_admitted(self, now: float) -> None:
        """The queue let the request go; called by the Gateway."""
        assert self.state is not None
        self._leave_queue(now)
        self._resume(self._first_attempt(self.state, now))

    def on_queue_expired(self, now: float) -> None:
        """The request waited as long as it may; called by the Gateway."""
        assert self.state is not None
        self._leave_queue(now)
        self._resume(self._not_admitted(self.state, "rejected-ttl-expired", 1))

    def _not_admitted(self, state: BackendState, reason: str, retry_after: int) -> Respond:
        """429 says that there are endpoints and they are busy; where there are none, it is 503."""
        if state.has_ready(self._allowed(state)):
            return self._shed(reason, retry_after)
        return self._lacks_endpoints("no endpoint is ready")

    def _lacks_endpoints(self, why: str) -> Respond:
        self.record.lacked_endpoints = True
        return self._no_ready_endpoint(why)

    # ── attempts ──

    def _first_attempt(self, state: BackendState, now: float) -> Go | Respond | Wait:
        self._pick = self._pick_request()
        return self._attempt(state, now)

    def _pick_request(self) -> PickRequest:
        facts, model = self.facts, self.target_model
        return PickRequest(
            model,
            self._gateway.base_of.get(model, model),
            facts.prompt,
            facts.prompt_tokens,
            self.head.by_name,
            self.priority,
        )

    def _attempt(self, state: BackendState, now: float) -> Go | Respond | Wait:
        """Pick an endpoint that was not tried and go there."""
        assert self._pick is not None
        exclude = (*self._tried, *self._gateway.avoided(now)) if self._tried or self._gateway.suspects else ()
        subset = self._allowed(state)
        scheduler, explain = state.scheduler, self._explain or self.wants_scores
        try:
            decision = scheduler.pick(
                self._pick, now, subset=subset, exclude=exclude, explain=explain, count=self._count
            )
        except NoEndpoint as nothing:
            if len(exclude) <= len(self._tried):
                return self._no_endpoint(nothing, state, now)
            try:
                decision = scheduler.pick(self._pick, now, subset=subset, exclude=self._tried, explain=explain)
            except NoEndpoint as still_nothing:
                return self._no_endpoint(still_nothing, state, now)
        self.why = decision.why
        self._endpoint = endpoint = decision.targets[0]
        address = endpoint.address
        name = self._name_at(state, address)
        if name != self.facts.model:
            refused = self._ask_for(name)
            if refused is not None:
                return refused
        if not self._explain:
            self._count_at(state, address, self._pick)
        record = self.record
        record.endpoint = address
        record.attempts += 1
        return self._go(decision)

    def _name_at(self, state: BackendState, address: str) -> str:
        """What the engine at ``address`` calls the model that is asked for."""
        place, target = state.places.get(self.target_model), self.target_model
        return target if place is None else place.names.get(address, target)

    def _allowed(self, state: BackendState) -> frozenset[str] | None:
        """The addresses that may be picked; None: all of the backend's."""
        place, within = state.places.get(self.target_model), self._within
        if place is None:
            return within
        return place.addresses if within is None else place.addresses & within

    def _go(self, decision: Decision) -> Go | Respond:
        """What the decision means for the shell that drives this request."""
        raise NotImplementedError

    def _no_endpoint(self, nothing: NoEndpoint, state: BackendState, now: float) -> Respond | Wait:
        if self.target_model in state.loading:
            return self._await_load(state, now)
        if isinstance(nothing, UnknownProfile):
            return self._refuse(UnknownProfile.status, nothing.reason, "unknown_profile")
        if self._tried:
            return self._refuse(502, "No endpoint answered, and there is no other to try.", "upstream_failed")
        return self._no_ready_endpoint(nothing.reason)

    def _no_ready_endpoint(self, why: str) -> Respond:
        return self._refuse(
            503,
            f"{self.record.backend} has no ready endpoint ({why}): try again soon.",
            "no_ready_endpoint",
            headers=[("x-llm-d-request-dropped-reason", "rejected-no-endpoints")],
        )

    # ── the end ──

    def on_end(self, outcome: Outcome, now: float) -> ExchangeRecord:
        """The exchange is over, however it went; releases every counter. Safe to call once more."""
        record = self.record
        if self._ended:
            return record
        self._ended = True
        self._gateway.open_exchanges -= 1
        self._note_usage()
        self._release()
        if self._queued_at:
            self._cancel_wait(now)
        record.duration = now - record.started
        if outcome != "done":
            record.reason = record.reason or outcome
        if self.state is not None and self.state.waiting:
            self._gateway.step(now)
        return record

    def _cancel_wait(self, now: float) -> None:
        state, load_ticket = self.state, self._load_ticket
        if load_ticket:
            self._leave_load_wait(now)
        else:
            self._leave_queue(now)
        if state is None:
            return
        if load_ticket:
            state.waiting_for_load.pop(load_ticket, None)
            state.load_waits.cancel(load_ticket)
        else:
            state.waiting.pop(self._ticket, None)
            state.admission.cancel(self._ticket)

    def _release(self) -> str:
        """Give back the in-flight count of the current attempt; its address."""
        state = self.state
        address = "" if state is None else self._take_back(state)
        if address and state is not None:
            state.admission.completed()
        return address

    def _count_at(self, state: BackendState, address: str, pick: PickRequest) -> None:
        """The request goes to ``address``, as ``pick`` has it."""
        self._new_blocks = state.scheduler.started(address, pick)
        self._in_flight_at, self._in_flight_tokens = address, pick.prompt_tokens

    def _take_back(self, state: BackendState) -> str:
        """Undo ``_count_at``; the address."""
        address, self._in_flight_at = self._in_flight_at, ""
        if address:
            state.scheduler.finished(address, self._in_flight_tokens)
        return address

    def discard(self) -> None:
        """End an exchange that was opened to explain only."""
        self._ended = True


def _first(by_name: dict[str, str], names: tuple[str, ...]) -> str | None:
    for name in names:
        if name in by_name:
            return by_name[name]
    return None
