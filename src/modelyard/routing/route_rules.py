"""The rules of one HTTPRoute compiled, whatever it attaches to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from modelyard.resources.durations import parse_duration
from modelyard.resources.http_route import (
    HTTPBackendRef,
    HTTPHeaderMatch,
    HTTPPathMatch,
    HTTPQueryParamMatch,
    HTTPRoute,
    HTTPRouteMatch,
    HTTPRouteRetry,
    HTTPRouteRule,
    HTTPRouteTimeouts,
)
from modelyard.routing.backends import CompiledBackend, WeightedBackends
from modelyard.routing.conditions import Fault, joined
from modelyard.routing.matching import Conditions
from modelyard.routing.paths import PathKind, PathMatch
from modelyard.routing.patterns import Pattern, PatternError
from modelyard.routing.references import BackendResolver
from modelyard.routing.rule_filters import FilterCompiler, FilterError
from modelyard.routing.rules import CompiledRule, RetryPolicy

Selected = tuple[PathMatch, Conditions, CompiledRule, tuple[int, int]]
"""One match with the rule that it selects, and the place of both in the route."""


@dataclass(slots=True)
class RouteRules:
    """What one route's rules come to."""

    selected: list[Selected] = field(default_factory=list)
    dropped: dict[int, Fault] = field(default_factory=dict)
    """Rules that cannot be carried out, by index."""
    reference_faults: list[Fault] = field(default_factory=list)
    total: int = 0
    """Rules in the route."""

    @property
    def reference_fault(self) -> Fault | None:
        return joined(self.reference_faults)

    @property
    def rejected(self) -> Fault | None:
        """Why the whole route is invalid: no rule is left."""
        if not self.total or len(self.dropped) < self.total:
            return None
        return joined(list(self.dropped.values()))

    @property
    def partial(self) -> str:
        """The message of PartiallyInvalid; empty: all rules are valid, or none."""
        if not self.dropped or len(self.dropped) == self.total:
            return ""
        causes = "; ".join(f"{index}: {fault.message}" for index, fault in self.dropped.items())
        return f"Dropped Rule(s) {causes}"


def compile_rules(route: HTTPRoute, backends: BackendResolver) -> RouteRules:
    """Compile every rule of a route. A rule that is invalid is dropped; the others stay."""
    compiler = _RuleCompiler(route, backends)
    for index, rule in enumerate(route.spec.rules):
        compiler.add(index, rule)
    return compiler.found


class _RuleCompiler:
    """Compiles the rules of one route into ``found``."""

    def __init__(self, route: HTTPRoute, backends: BackendResolver) -> None:
        self._metadata = route.metadata
        self._backends = backends
        self._filters = FilterCompiler(backends, route.metadata.namespace)
        self.found = RouteRules(reference_faults=self._filters.reference_faults, total=len(route.spec.rules))

    def add(self, index: int, rule: HTTPRouteRule) -> None:
        try:
            matches = [_match(match) for match in rule.matches]
            error = self._filters.unknown(rule.filters)
            self.found.selected += self._selected(index, rule, matches, error)
        except FilterError as problem:
            self.found.dropped[index] = problem.fault
        except ValueError as problem:
            self.found.dropped[index] = Fault("UnsupportedValue", str(problem))
        else:
            if error and not any(item.type == "ExtensionRef" for item in rule.filters):
                self.found.dropped[index] = Fault("UnsupportedValue", error)

    def _selected(
        self, index: int, rule: HTTPRouteRule, matches: list[tuple[PathMatch, Conditions]], error: str
    ) -> list[Selected]:
        prefixes_only = all(path.kind is PathKind.PREFIX for path, _ in matches)
        known = [item for item in rule.filters if item.type not in ("ExtensionRef", "ExternalAuth")]
        filters = self._filters.compile(known, prefix_matches_only=prefixes_only)
        backends = WeightedBackends([self._backend(ref, prefixes_only) for ref in rule.backend_refs])
        request_timeout, backend_timeout = _timeouts(rule.timeouts)
        retry = _retry(rule.retry)
        selected: list[Selected] = []
        for at, (path, conditions) in enumerate(matches):
            compiled = CompiledRule(
                namespace=self._metadata.namespace,
                name=self._metadata.name,
                rule_index=index,
                rule_name=rule.name or "",
                matched_prefix=path.value if path.kind is PathKind.PREFIX else None,
                filters=filters,
                backends=backends,
                request_timeout=request_timeout,
                backend_timeout=backend_timeout,
                retry=retry,
                error=error,
            )
            selected.append((path, conditions, compiled, (index, at)))
        return selected

    def _backend(self, written: HTTPBackendRef, prefixes_only: bool) -> CompiledBackend:
        resolved = self._backends.resolve(written, self._metadata.namespace)
        if resolved.fault is not None:
            self.found.reference_faults.append(resolved.fault)
        error = "" if resolved.fault is None else resolved.fault.message
        known = [item for item in written.filters if item.type not in ("ExtensionRef", "ExternalAuth")]
        return CompiledBackend(
            ref=resolved.ref,
            weight=max(written.weight, 0),
            error=error or self._filters.unknown(written.filters),
            filters=self._filters.compile(known, prefix_matches_only=prefixes_only),
        )


def _match(written: HTTPRouteMatch) -> tuple[PathMatch, Conditions]:
    headers = _first_of_each(written.headers, fold=True)
    queries = _first_of_each(written.query_params, fold=False)
    return _path(written.path), Conditions(
        method=written.method,
        headers=_exact(headers),
        header_patterns=_patterns(headers),
        queries=_exact(queries),
        query_patterns=_patterns(queries),
    )


def _path(written: HTTPPathMatch) -> PathMatch:
    if written.type == "RegularExpression":
        return PathMatch.regex(Pattern(written.value))
    if not written.value.startswith("/") or "//" in written.value:
        raise PatternError(f"path {written.value!r} must start with / and have no // in it")
    return PathMatch.exact(written.value) if written.type == "Exact" else PathMatch.prefix(written.value)


NamedMatch = HTTPHeaderMatch | HTTPQueryParamMatch


def _first_of_each(written: Sequence[NamedMatch], *, fold: bool) -> dict[str, NamedMatch]:
    """By name (lower case for headers); only the first entry of a name counts, as specified."""
    found: dict[str, NamedMatch] = {}
    for item in written:
        found.setdefault(item.name.lower() if fold else item.name, item)
    return found


def _exact(matches: dict[str, NamedMatch]) -> tuple[tuple[str, str], ...]:
    return tuple((name, item.value) for name, item in matches.items() if item.type == "Exact")


def _patterns(matches: dict[str, NamedMatch]) -> tuple[tuple[str, Pattern], ...]:
    return tuple((name, Pattern(item.value)) for name, item in matches.items() if item.type == "RegularExpression")


def _timeouts(written: HTTPRouteTimeouts | None) -> tuple[float, float]:
    """Seconds of request and backend request; 0: none."""
    if written is None:
        return 0.0, 0.0
    request = written.request_seconds or 0.0
    backend = written.backend_request_seconds or 0.0
    if 0 < request < backend:
        raise ValueError("timeouts.backendRequest is longer than timeouts.request")
    return request, backend


def _retry(written: HTTPRouteRetry | None) -> RetryPolicy | None:
    if written is None:
        return None
    return RetryPolicy(
        codes=frozenset(written.codes),
        attempts=1 if written.attempts is None else max(written.attempts, 0),
        backoff=0.0 if written.backoff is None else parse_duration(written.backoff),
    )
