"""One request's life: head, body, route, admission, pick, attempts, answer, end.

The shell calls in the order that ``contract`` gives; every step answers with a command. Nothing here waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.bodies.facts import BodyError
from modelyard.exchange.body_reading import read_body, takes_body
from modelyard.exchange.commands import Forward, ReadBody, Respond, Wait
from modelyard.exchange.dot_segments import without_dot_segments
from modelyard.exchange.forwarding import forward
from modelyard.exchange.known_route import KnownHead, KnownRoute, is_plain, known_head, remember_head
from modelyard.exchange.model_request import ModelRequest
from modelyard.exchange.record import ExchangeRecord
from modelyard.exchange.trusted_headers import BASE_MODEL_NAME, MODEL_NAME, strip_trusted
from modelyard.http1.serialising import UnsendableHead
from modelyard.picking.contract import Decision
from modelyard.picking.session_affinity import session_token

if TYPE_CHECKING:
    from modelyard.exchange.backend_state import BackendState
    from modelyard.exchange.contract import ClientFacts, FailureKind
    from modelyard.exchange.gateway import Gateway
    from modelyard.http1.message_heads import RequestHead, ResponseHead
    from modelyard.routing.backends import CompiledBackend
    from modelyard.routing.rules import CompiledRule
    from modelyard.routing.table import Candidates
    from modelyard.snapshot import Snapshot


class Exchange(ModelRequest[Forward], eq=False, kw_only=True):
    """One request. Made by ``Gateway.open``; ends with exactly one ``on_end``."""

    client: ClientFacts
    rule: CompiledRule | None = None
    backend: CompiledBackend | None = None
    way: KnownRoute | None = None
    """The way of earlier requests like this one, where they left it."""
    _snapshot: Snapshot
    """In force when ``_candidates`` were found."""
    _candidates: Candidates | None = None
    _known: KnownHead | None = None

    @staticmethod
    def begin(
        gateway: Gateway, head: RequestHead, client: ClientFacts, now: float, *, explain: bool = False
    ) -> Exchange:
        """The exchange of a request that ``client`` sent."""
        path = head.path
        record = ExchangeRecord(head.method, path, client.listener, started=now)
        return Exchange(gateway, head, path, record, explain, client=client, _snapshot=gateway.snapshot)

    # ── from head and body to a route ──

    def on_head(self, now: float) -> ReadBody | Respond | Forward | Wait:
        """The request head is here. Answers :class:`ReadBody` where the route depends on the body."""
        head = self.head
        gateway = self._gateway
        known = known_head(head, gateway, self.client)
        if known is not None:
            self._known = known
            self._candidates = known.candidates
            return known.read_body
        fields = head.headers
        strip_trusted(head, gateway.body_header_names)
        path = without_dot_segments(head.path)
        if path is None:
            return self._refuse(400, f"Path {head.path!r} leads above the root: send it without '..'.", "invalid_path")
        if path is not head.path:
            head.path = self.path = path
        if head.method == "GET" and head.path.startswith("/v1/models"):
            listed = gateway.listed_models.answer(self.client.listener, head.path)
            if listed is not None:
                self.record.route = "models"
                return listed
        table = gateway.snapshot.table
        if self.client.tls and table.misdirected(self.client.listener, self.client.server_name, head.host):
            return self._refuse(421, f"This connection is for another host than {head.host!r}.", "misdirected")
        self._candidates = candidates = table.candidates(self.client.listener, head.host, head.path)
        if candidates is None:
            return self._no_route()
        if candidates.reaches_pool or self._routes_by_model():
            if head.has_body:
                if head.headers is fields and path is self.record.path:
                    self._known = remember_head(head, gateway, self.client, candidates)
                return ReadBody(gateway.settings.body_limit)
            if takes_body(head.method, head.path):
                return self.on_body(b"", now)
        return self._route(now)

    def on_body(self, body: bytes, now: float) -> Respond | Forward | Wait:
        """The whole body is here."""
        self.body = body
        known = self._known
        try:
            if known is None:
                facts = read_body(self._gateway, self.head, self.head.path, body)
            else:
                facts = known.read(body, self.head, self._gateway)
        except BodyError as error:
            return self._bad_body(error)
        self.facts = facts
        self.record.model = facts.model or ""
        self.record.stream = facts.stream
        if self._gateway.snapshot is not self._snapshot:
            self._match_again()
        elif known is not None:
            way = known.way(facts.model, self.head)
            if way is not None:
                return self._follow(way, now)
        return self._route(now)

    def _match_again(self) -> None:
        """Another snapshot came into force while the body was on its way: a decision reads one only."""
        self._snapshot = snapshot = self._gateway.snapshot
        self._known = None
        head = self.head
        self._candidates = snapshot.table.candidates(self.client.listener, head.host, head.path)

    def on_body_too_large(self) -> Respond:
        """The body is larger than routing reads."""
        limit = self._gateway.settings.body_limit
        return self._refuse(
            413,
            f"The request body is larger than {limit} bytes: send less, or raise --max-body.",
            "body_too_large",
        )

    def _route(self, now: float) -> Respond | Forward | Wait:
        head = self.head
        candidates = self._candidates
        rule = candidates.select(head.method, head.by_name, head.query) if candidates is not None else None
        if rule is None:
            return self._no_route()
        self.rule = rule
        self.record.route = rule.route
        if rule.error:
            return self._refuse(500, f"HTTPRoute {rule.route}: {rule.error}", "route_invalid")
        if rule.request_timeout:
            self.deadline = self.record.started + rule.request_timeout
        filters = rule.filters
        if filters.cors is not None:
            preflight = filters.cors.preflight(head.method, head.by_name)
            if preflight is not None:
                return Respond(204, preflight)
        if filters.redirect is not None:
            return self._redirect(rule)
        backend = rule.pick_backend(self._gateway.random())
        if backend is None or backend.error:
            reason = backend.error if backend is not None else "no backend takes traffic"
            return self._refuse(500, f"HTTPRoute {rule.route}: {reason}.", "backend_invalid")
        self.backend = backend
        state = self._gateway.states.get(backend)
        if state is None:
            return self._refuse(500, f"HTTPRoute {rule.route}: backend {backend.ref} is unknown.", "backend_invalid")
        self.state = state
        self.record.backend = state.label
        if backend.filters.redirect is not None:
            return self._redirect(rule)
        for filters in (rule.filters, backend.filters):
            if filters.rewrite is not None:
                self.path = filters.rewrite.path(self.path, rule.matched_prefix)
        refused = self._name_models(state, now)
        if refused is not None:
            return refused
        self._leave_way(rule, backend, state)
        return self._admit(state, now)

    def _leave_way(self, rule: CompiledRule, backend: CompiledBackend, state: BackendState) -> None:
        known, model = self._known, self.facts.model
        if known is not None and model is not None and is_plain(rule, backend) and not state.targets.draws(model):
            base = self.head.by_name.get(BASE_MODEL_NAME)
            self.way = way = KnownRoute(rule, backend, state, self.path, self.priority, self.target_model, base)
            known.keep(model, way)

    def _follow(self, way: KnownRoute, now: float) -> Respond | Forward | Wait:
        """Go where an equal request went (see ``known_route``)."""
        self.way = way
        self.rule = rule = way.rule
        self.backend = way.backend
        self.state = state = way.state
        self.path = way.path
        self.target_model = target = way.target
        record = self.record
        record.route = rule.route
        record.backend = state.label
        record.target_model = target
        self.priority = record.priority = way.priority
        if rule.request_timeout:
            self.deadline = record.started + rule.request_timeout
        only = state.only_models
        if (target in state.loading) if only is None else (target not in only):
            return self._not_served(state, record.model, target, now)
        return self._admit(state, now)

    def _redirect(self, rule: CompiledRule) -> Respond:
        assert rule.filters.redirect is not None or self.backend is not None
        redirect = rule.filters.redirect or (self.backend and self.backend.filters.redirect)
        assert redirect
        head = self.head
        location = redirect.location(
            scheme="https" if self.client.tls else "http",
            host=head.host,
            listener_port=int(self.client.listener.rpartition(":")[2]),
            path=head.path,
            query=head.query,
            matched_prefix=rule.matched_prefix,
        )
        return Respond(redirect.status, [("location", location)])

    def _no_route(self) -> Respond:
        if self.facts.model is not None:
            return self._no_model(self.facts.model)
        if self.facts.dialect and self._routes_by_model():
            return self._no_model_named()
        head = self.head
        return self._refuse(404, f"No route for {head.method} {head.path} on host {head.host!r}.", "no_route")

    def _routes_by_model(self) -> bool:
        candidates = self._candidates
        return candidates is not None and not candidates.reads_headers.isdisjoint(
            self._gateway.body_header_names | _BASE
        )

    # ── attempts ──

    def _go(self, decision: Decision) -> Forward | Respond:
        try:
            return forward(self, self._gateway, decision.targets[0])
        except UnsendableHead as problem:
            message = f"HTTPRoute {self.record.route} makes a head that cannot be sent: {problem}"
            return self._refuse(500, message, "route_invalid")

    def on_upstream_failure(self, kind: FailureKind, replayable: bool, now: float) -> Forward | Respond | Wait:
        """The attempt failed before a byte of it reached the client: another endpoint, or the client's 502 or 504."""
        address = self._release()
        self.record.time_to_first_byte = 0.0
        gateway = self._gateway
        if kind == "model_missing":
            assert self.state is not None
            return self._without_adapter(self.state, address, now)
        self._tried.append(address)
        if kind != "deadline":
            gateway.failed(address, kind, now)
        if (
            kind != "deadline"
            and replayable
            and self.record.attempts < gateway.settings.attempts
            and gateway.retry_budget.withdraw(now)
        ):
            assert self.state is not None
            self._restore_body()
            command = self._attempt(self.state, now)
            if not isinstance(command, Respond):
                return command
        if kind in ("deadline", "head_timeout", "connect_timeout"):
            return self._refuse(504, f"The endpoint did not answer in time ({kind}).", "upstream_timeout")
        return self._refuse(502, f"The endpoint could not be reached or broke off ({kind}).", "upstream_failed")

    # ── the answer ──

    def on_response_head(self, head: ResponseHead, now: float) -> ResponseHead:
        """The endpoint's answer begins."""
        record = self.record
        record.status = head.status
        record.time_to_first_byte = now - record.started
        rule, backend = self.rule, self.backend
        assert rule is not None
        assert backend is not None
        if self.facts.dialect:
            self._observe(head)
        if self.way is None or self.way.filtered:
            for filters in (backend.filters, rule.filters):
                if filters.response_headers is not None:
                    head.headers = filters.response_headers.apply(head.headers)
                if filters.cors is not None:
                    head.headers = filters.cors.apply(self.head.by_name.get("origin"), head.headers)
        session_header = self.state.scheduler.session_header if self.state is not None else ""
        if session_header and self._endpoint is not None:
            head.headers.append((session_header, session_token(self._endpoint)))
        if self._gateway.settings.endpoint_header:
            head.headers.append(("x-modelyard-endpoint", record.endpoint))
        return head


_BASE = frozenset({BASE_MODEL_NAME, MODEL_NAME})
