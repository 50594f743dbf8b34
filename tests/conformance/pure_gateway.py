"""Runs a case through the pure layers alone: compile, candidates, select, filters, backends, statuses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.cases import BASE_MANIFESTS, Case, Exchange, Request
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.routing import hostnames
from modelyard.routing.compile import Compiled, compile_routes
from modelyard.routing.filters.chain import FilterChain
from modelyard.routing.filters.redirects import Redirect
from modelyard.routing.listeners import group_id
from modelyard.routing.rules import CompiledRule

NOW = "2026-01-02T03:04:05Z"
SAMPLES = 1000
"""Evenly spread random values: the shares they give are exact to 1/1000."""

Headers = list[tuple[str, str]]


@dataclass(slots=True)
class Seen:
    """What came of one request."""

    status: int
    backend: str | None = None
    path: str = ""
    host: str = ""
    request_headers: Headers = field(default_factory=list)
    response_headers: Headers = field(default_factory=list)
    location: str | None = None
    mirrored: list[str] = field(default_factory=list)


class PureGateway:
    """The compiled manifests of one case."""

    def __init__(self, manifests: str) -> None:
        loaded = [load_documents(text, "case.yaml") for text in (BASE_MANIFESTS, manifests)]
        errors = [str(error) for result in loaded for error in result.errors]
        assert not errors, errors
        resources, duplicates = ResourceSet.of([item for result in loaded for item in result.objects])
        assert not duplicates, duplicates
        self.compiled: Compiled = compile_routes(resources)

    def exchange(self, exchange: Exchange, value: float) -> Seen:
        """Answer a request; ``value`` in [0, 1) stands for every random choice."""
        request = exchange.request
        namespace, name = request.gateway.split("/")
        group = group_id(namespace, name, request.port)
        host = hostnames.normalize(request.host)
        path, _, query = request.path.partition("?")
        table = self.compiled.table
        if request.sni is not None and table.misdirected(group, request.sni, host):
            return Seen(421)
        candidates = table.candidates(group, host, path)
        headers = {key.lower(): text for key, text in request.headers.items()}
        rule = None if candidates is None else candidates.select(request.method, headers, query)
        if rule is None:
            return Seen(404)
        return _Forwarding(rule, request, headers, value).run(exchange.backend_headers)

    def status(self, of: str) -> dict[str, Any]:
        kind, key = of.split()
        namespace, _, name = key.rpartition("/")
        found = self.compiled.statuses.status_of(kind, namespace, name, now=NOW)
        assert found is not None, of
        return found


class _Forwarding:
    """The steps after a rule was selected."""

    def __init__(self, rule: CompiledRule, request: Request, headers: Mapping[str, str], value: float) -> None:
        self.rule = rule
        self.request = request
        self.headers = headers
        self.value = value
        self.path, _, self.query = request.path.partition("?")

    def run(self, backend_headers: Mapping[str, str]) -> Seen:
        rule = self.rule
        if rule.error:
            return Seen(500)
        if rule.filters.cors is not None:
            preflight = rule.filters.cors.preflight(self.request.method, self.headers)
            if preflight is not None:
                return Seen(204, response_headers=preflight)
        if rule.filters.redirect is not None:
            return self.redirect(rule.filters.redirect)
        backend = rule.pick_backend(self.value)
        if backend is None or backend.error:
            return Seen(500)
        if backend.filters.redirect is not None:
            return self.redirect(backend.filters.redirect)
        seen = Seen(200, f"{backend.ref.namespace}/{backend.ref.name}", self.path, self.request.host)
        seen.request_headers = list(self.headers.items())
        for chain in (rule.filters, backend.filters):
            self.request_filters(chain, seen)
        seen.path += f"?{self.query}" if self.query else ""
        seen.response_headers = [(key.lower(), text) for key, text in backend_headers.items()]
        for chain in (backend.filters, rule.filters):
            self.response_filters(chain, seen)
        return seen

    def request_filters(self, chain: FilterChain, seen: Seen) -> None:
        if chain.request_headers is not None:
            seen.request_headers = chain.request_headers.apply(seen.request_headers)
        if chain.rewrite is not None:
            seen.path = chain.rewrite.path(seen.path, self.rule.matched_prefix)
            seen.host = chain.rewrite.hostname or seen.host
        copies = (mirror.backend for mirror in chain.mirrors if mirror.wants(self.value))
        seen.mirrored += [f"{ref.namespace}/{ref.name}" for ref in copies]

    def response_filters(self, chain: FilterChain, seen: Seen) -> None:
        if chain.response_headers is not None:
            seen.response_headers = chain.response_headers.apply(seen.response_headers)
        if chain.cors is not None:
            seen.response_headers = chain.cors.apply(self.headers.get("origin"), seen.response_headers)

    def redirect(self, redirect: Redirect) -> Seen:
        location = redirect.location(
            scheme="http" if self.request.sni is None else "https",
            host=hostnames.normalize(self.request.host),
            listener_port=self.request.port,
            path=self.path,
            query=self.query,
            matched_prefix=self.rule.matched_prefix,
        )
        return Seen(redirect.status, location=location)


def check(case: Case) -> None:
    """Run every exchange and status of a case."""
    gateway = PureGateway(case.manifests)
    for exchange in case.exchanges:
        seen = [gateway.exchange(exchange, sample / SAMPLES) for sample in range(_samples(exchange))]
        _check_answer(exchange, seen[0])
        _check_shares(exchange, seen)
    for status in case.statuses:
        check_status(status, gateway.status(status.of))


def _samples(exchange: Exchange) -> int:
    return SAMPLES if exchange.answer.split or exchange.answer.mirrored else 1


def _check_answer(exchange: Exchange, seen: Seen) -> None:
    answer, request = exchange.answer, exchange.request
    where = f"{request}: {seen}"
    if not answer.split:
        assert seen.status == answer.status, where
        assert answer.backend in (None, seen.backend), where
    assert answer.location == seen.location, where
    if seen.status == 200:
        assert seen.path == (answer.path or request.path), where
        assert seen.host == (answer.host or request.host), where
        _check_headers(answer.request_headers, seen.request_headers, where)
    _check_headers(answer.response_headers, seen.response_headers, where)


def _check_headers(expected: Mapping[str, str | None], found: Headers, where: str) -> None:
    for name, value in expected.items():
        values = [text for key, text in found if key == name.lower()]
        assert (",".join(values) if values else None) == value, f"{name}: {where}"


def _check_shares(exchange: Exchange, seen: list[Seen]) -> None:
    answer = exchange.answer
    if answer.split:
        counts = Counter(item.backend or str(item.status) for item in seen)
        assert {key: count / len(seen) for key, count in counts.items()} == answer.split
    copies = Counter(backend for item in seen for backend in item.mirrored)
    assert {key: count / len(seen) for key, count in copies.items()} == dict(answer.mirrored)


def check_status(expected: Any, found: dict[str, Any]) -> None:
    """Compare one status, as the admin API shows it, with what a case expects."""
    part = _part(expected, found)
    if expected.parents is not None:
        assert len(found["parents"]) == expected.parents, found
    if expected.supported_kinds is not None:
        assert [kind["kind"] for kind in part["supportedKinds"]] == list(expected.supported_kinds), part
    if expected.attached_routes is not None:
        assert part["attachedRoutes"] == expected.attached_routes, part
    conditions = {item["type"]: item for item in part.get("conditions", ())}
    for kind, wanted in expected.conditions.items():
        if wanted is None:
            assert kind not in conditions, conditions
            continue
        assert kind in conditions, conditions
        status, _, reason = wanted.partition(" ")
        assert conditions[kind]["status"] == status, conditions[kind]
        assert reason in ("", conditions[kind]["reason"]), conditions[kind]


def _part(expected: Any, found: dict[str, Any]) -> dict[str, Any]:
    if expected.listener is not None:
        return next(item for item in found["listeners"] if item["name"] == expected.listener)
    if expected.parent is None:
        return found
    return next(item for item in found["parents"] if _parent(item["parentRef"], expected.of) == expected.parent)


def _parent(reference: dict[str, Any], of: str) -> str:
    namespace = reference.get("namespace") or of.split()[1].partition("/")[0]
    section = f"/{reference['sectionName']}" if "sectionName" in reference else ""
    return f"{namespace}/{reference['name']}{section}"
