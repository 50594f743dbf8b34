"""A request that another gateway carries: Modelyard says where it goes, and sees what comes back (Endpoint Picker
Protocol 1.0)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelyard.bodies.answers import UnreadAnswer
from modelyard.bodies.claimed_paths import claimed
from modelyard.bodies.facts import BodyError
from modelyard.bodies.prefixed_paths import controls_engine
from modelyard.exchange.commands import Picked, Respond, Wait
from modelyard.exchange.endpoint_subset import canonical_address
from modelyard.exchange.forced_model import forced_model
from modelyard.exchange.header_text import on_the_wire
from modelyard.exchange.late_body import LateBody
from modelyard.exchange.record import ExchangeRecord
from modelyard.exchange.shown_bodies import named_in_head
from modelyard.exchange.trusted_headers import DESTINATION, MULTIPLEXED_MODEL_ID
from modelyard.fleet.adapter_names import RAY_ENGINE
from modelyard.http1.message_heads import ResponseHead
from modelyard.picking.contract import Decision
from modelyard.picking.session_affinity import session_token

if TYPE_CHECKING:
    from modelyard.exchange.backend_state import BackendState
    from modelyard.exchange.gateway import Gateway
    from modelyard.fleet.endpoints import Endpoint
    from modelyard.http1.message_heads import Headers, RequestHead

SERVED_TEST = "x-conformance-test-served-endpoint"
"""Of answers, where the config has the plugin that conformance tests need."""
_EVENTS, _JSON = "text/event-stream", "application/json"
UNBOUNDED_WAIT = 3600.0
"""Seconds said of a queue in which requests may wait for ever."""


class PickedRequest(LateBody, eq=False, kw_only=True):
    """One request. Made by ``Gateway.open_picked``; ends with exactly one ``on_end``.

    ::

        on_request(body, now)           -> Picked | Respond | Wait      once; body None: none is shown
        on_partial(beginning, now)      -> the same, where only the beginning of the body is shown
        on_late_body(body, now)         -> Picked | Respond | Wait      after ``on_request(None)``: a second choice
        on_shown_body(body, now)        -> the same, once the first was answered
        on_response_head(...)           -> header fields for the client
        on_response_data, on_response_end, on_end as in ``exchange.contract``
    """

    forged: Sequence[str]
    """The client's copies of headers that only Modelyard sets."""
    most_endpoints: int
    """Length of ``Picked.targets``."""
    any_path: bool = True
    """The path is the route's, not the engine's: only control paths are refused. False: only the model API passes."""

    @staticmethod
    def begin(
        gateway: Gateway,
        state: BackendState,
        head: RequestHead,
        now: float,
        *,
        within: frozenset[str] | None,
        forged: Sequence[str],
        most_endpoints: int,
        any_path: bool = True,
        explain: bool = False,
    ) -> PickedRequest:
        """The request with ``head`` to the pool of ``state``; ``within``: the proxy's subset of addresses. ``explain``:
        only to see where it would go; nothing is counted."""
        record = ExchangeRecord(head.method, head.path, started=now, backend=state.label)
        record.request_id = head.by_name.get("x-request-id", "")
        return PickedRequest(
            gateway,
            head,
            head.path,
            record,
            state=state,
            _within=within,
            forged=forged,
            most_endpoints=most_endpoints,
            any_path=any_path,
            _explain=explain,
            _count=most_endpoints,
        )

    # ── the request ──

    def on_request(self, body: bytes | None, now: float) -> Picked | Respond | Wait:
        """The whole body is here, or there is none to be seen: then a trusted header may name the model."""
        self.body = body
        try:
            self.facts = named_in_head(self.head) if body is None else self._read(body)
        except BodyError as error:
            return self._bad_body(error)
        return self._decide(now)

    def on_partial(self, beginning: bytes, now: float) -> Picked | Respond | Wait:
        """Only ``beginning`` of the body is shown: the model may be named in it, nothing else can be known."""
        self.facts = self._scanned(beginning)
        # A name that stands in what is not shown cannot be changed.
        self.body = beginning if self.facts.dialect else None
        return self._decide(now)

    @property
    def answer_began(self) -> bool:
        return self.record.status != 0

    @property
    def longest_wait(self) -> float:
        """Seconds that the request may have to wait, once it was told to."""
        assert self.state is not None
        ttl = self.state.config.flow.default_ttl
        return max(UNBOUNDED_WAIT if ttl is None else ttl, self._gateway.settings.adapter_wait)

    def unpicked(self) -> Picked:
        """This program failed, and the pool fails open: the request goes on without a pick, and without what the client
        forged, which the proxy might follow."""
        return Picked("", None, [], list(self.forged))

    def drop_body(self) -> None:
        """The body has been passed on."""
        self.body = self._client_body = None

    def _decide(self, now: float) -> Picked | Respond | Wait:
        state = self.state
        assert state is not None
        if state.retired:  # while the body came
            self.state = state = self._gateway.in_force(state)
        if self._within is not None and not self._within:
            return self._empty_subset()
        self._note_facts()
        return self._name_models(state, now) or self._admit(state, now)

    def _empty_subset(self) -> Respond:
        return self._refuse(
            503,
            f"The subset that the proxy gave holds no endpoint of {self.record.backend}: look at its configuration.",
            "no_ready_endpoint",
            headers=[("x-llm-d-request-dropped-reason", "rejected-no-endpoints")],
        )

    def too_large(self, limit: int) -> Respond:
        """The body is larger than is read."""
        message = f"The request body is larger than {limit} bytes: send less, or raise --max-body."
        return self._refuse(413, message, "body_too_large")

    def overloaded(self) -> Respond:
        """More bodies are held than there may be."""
        message = "The endpoint picker holds as many request bodies as it may; try again soon."
        return self._refuse(503, message, "overloaded", headers=[("retry-after", "1")])

    def _narrow_path(self, state: BackendState) -> Respond | None:
        if not self.any_path:
            return super()._narrow_path(state) or self._unclaimed_path(state)
        path = self.head.path
        if path and controls_engine(path):
            message = f"Path {path!r} is not part of the model API that {state.label} serves."
            return self._refuse(404, message, "path_not_served")
        return self._unclaimed_path(state)

    def _unclaimed_path(self, state: BackendState) -> Respond | None:
        """The pool's config lists parsers, and none of them takes the path of this request, which has a body."""
        parsers, path = state.config.only_parsers, self.head.path
        if not parsers or not path or (self.body is None and self.head.method != "POST") or claimed(path, parsers):
            return None
        message = f"No parser of {state.label} ({', '.join(sorted(parsers))}) takes requests to {path!r}."
        return self._refuse(400, message, "path_not_parsed")

    def _target(self, state: BackendState, model: str) -> str:
        """The pool's objects come first, then the header that forces a name (reference, section 2.5)."""
        if state.targets.defines(model):
            return super()._target(state, model)
        return forced_model(self.head.by_name) or model

    # ── the choice ──

    def narrow(self, within: frozenset[str]) -> None:
        """The proxy names its subset, or another one, after the head: before an endpoint is picked."""
        self._within = within

    def _go(self, decision: Decision) -> Picked:
        assert self.state is not None
        target, state = self.target_model, self.state
        endpoints: Sequence[Endpoint] = decision.targets[:1]
        if self.most_endpoints > 1:
            endpoints = decision.targets[: self.most_endpoints]
            place = state.places.get(target)
            if place is not None and place.names:
                # One body goes to whichever of them the proxy reaches.
                names = place.names
                asked = names.get(endpoints[0].address, target)
                endpoints = [item for item in endpoints if names.get(item.address, target) == asked]
        self.targets = endpoints
        targets = ",".join([endpoint.address for endpoint in endpoints])
        fields: Headers = [(DESTINATION, targets)]
        remove = [name for name in self.forged if name != DESTINATION]
        if endpoints[0].engine == RAY_ENGINE and target:
            name = self.engine_model or target
            fields.append((MULTIPLEXED_MODEL_ID, on_the_wire(name)))
            remove = [name for name in remove if name != MULTIPLEXED_MODEL_ID]
        if self.renames and "accept-encoding" in self.head.by_name:
            # A compressed answer could not be read, so the client would see the engine's model name.
            remove.append("accept-encoding")
        picked = Picked(targets, self.body if self.renames else None, fields, remove)
        if self.wants_scores:
            picked.scores = self._scores()
        return picked

    def _scores(self) -> dict[str, float]:
        """Of every endpoint that could have been picked, named or not."""
        candidates = self.why.candidates if self.why is not None else ()
        return {item.endpoint.address: item.total for item in candidates if not item.dropped_by}

    # ── the answer ──

    def on_response_head(self, status: int, by_name: dict[str, str], served: str, now: float) -> Headers:
        """The answer begins; ``served``: the endpoint that gives it, where the proxy says so. Fields to set."""
        record = self.record
        record.status = status
        record.time_to_first_byte = now - record.started
        state = self.state
        assert state is not None
        if not self._in_flight_at:
            return []
        if served and served != self._in_flight_at:
            self._served_elsewhere(state, served, now)
        if self.lacks_model(status):
            self._gateway.model_missing(state, self._in_flight_at, self.engine_model or self.target_model, now)
        if self.facts.dialect or self.facts.model is not None:
            if "content-type" not in by_name:
                # The proxy shows other fields only; then what was asked for says what comes.
                by_name = {**by_name, "content-type": _EVENTS if self.facts.stream else _JSON}
            self._observe(ResponseHead(status, "", [], by_name=by_name))
        self.forget_request()
        fields: Headers = []
        session_header = state.scheduler.session_header
        if session_header and self._endpoint is not None:
            fields.append((session_header, session_token(self._endpoint)))
        if self._gateway.settings.endpoint_header:
            fields.append(("x-modelyard-endpoint", record.endpoint))
        if state.config.tells_served:
            fields.append((SERVED_TEST, served or "fail: the proxy names no endpoint that served"))
        return fields

    def _served_elsewhere(self, state: BackendState, served: str, now: float) -> None:
        """The proxy went to another endpoint than the first one named."""
        address = canonical_address(served)
        if address is None or address == self._in_flight_at:
            return
        picked = [endpoint.address for endpoint in self.targets]
        for failed in picked[: picked.index(address)] if address in picked else ():
            self._gateway.failed(failed, "reset", now)
        if self._pick is not None:
            state.scheduler.moved(self._in_flight_at, address, self._pick, self._new_blocks)
            self._in_flight_at = address
        self.record.endpoint = address
        self._endpoint = state.endpoint(address)

    @property
    def observes(self) -> bool:
        """Known after ``on_response_head``: the answer's body is of use here, or must be changed."""
        return self._observer is not None and not isinstance(self._observer, UnreadAnswer)

    @property
    def streams_events(self) -> bool:
        """Known after ``on_response_head``: the answer's end comes long after its head."""
        return self._streams_events
