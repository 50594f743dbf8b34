"""Rules of HTTPRoute (Gateway API ``httproute_types.go`` and the parent rules of ``shared_types.go``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from modelyard.resources.durations import parse_duration
from modelyard.resources.errors import shown
from modelyard.resources.faults import Report
from modelyard.resources.http_route import (
    HTTPBackendRef,
    HTTPHeaderMatch,
    HTTPQueryParamMatch,
    HTTPRoute,
    HTTPRouteMatch,
    HTTPRouteRetry,
    HTTPRouteRule,
    HTTPRouteTimeouts,
    SessionPersistence,
)
from modelyard.resources.references import ParentReference
from modelyard.resources.validation import formats
from modelyard.resources.validation.http_filters import check_filters, replaces_prefix
from modelyard.resources.validation.references import check_backend, check_parent

_MAX_WEIGHT = 1_000_000
_MAX_MATCHES = 128


def check_http_route(route: HTTPRoute, report: Report) -> None:
    spec = report.at("spec")
    _check_parents(route.spec.parent_refs, spec.at("parentRefs"))
    spec.at("hostnames").require(len(route.spec.hostnames) <= 16, "must have at most 16 names")
    for index, name in enumerate(route.spec.hostnames):
        spec.at("hostnames", index).check(formats.hostname(name))
    _check_rules(route.spec.rules, spec.at("rules"))


def _check_parents(parents: tuple[ParentReference, ...], report: Report) -> None:
    report.require(len(parents) <= 32, "must have at most 32 entries")
    keys = [(parent.group, parent.kind, parent.namespace, parent.name) for parent in parents]
    of_parent = Counter(keys)
    sections = Counter((*key, parent.section_name, parent.port) for key, parent in zip(keys, parents, strict=True))
    for index, (key, parent) in enumerate(zip(keys, parents, strict=True)):
        check_parent(parent, report.at(index))
        if of_parent[key] < 2:
            continue
        if sections[*key, parent.section_name, parent.port] > 1:
            report.at(index).fault("refers twice to the same parent and section; remove one")
        elif parent.section_name is None and parent.port is None:
            report.at(index).fault("two references to one parent each need a sectionName or port")


def _check_rules(rules: tuple[HTTPRouteRule, ...], report: Report) -> None:
    report.require(1 <= len(rules) <= 16, "must have 1 to 16 rules")
    matches = sum(len(rule.matches) for rule in rules)
    report.require(matches <= _MAX_MATCHES, f"have {matches} matches together; at most {_MAX_MATCHES}")
    names = Counter(rule.name for rule in rules if rule.name is not None)
    for index, rule in enumerate(rules):
        _check_rule(rule, report.at(index))
        if rule.name is not None and names[rule.name] > 1:
            report.at(index, "name").fault(f"{shown(rule.name)} is the name of two rules")


def _check_rule(rule: HTTPRouteRule, report: Report) -> None:
    if rule.name is not None:
        report.at("name").check(formats.dns_subdomain(rule.name))
    report.at("matches").require(len(rule.matches) <= 64, "must have at most 64 matches")
    for index, match in enumerate(rule.matches):
        _check_match(match, report.at("matches", index))
    check_filters(rule.filters, report.at("filters"))
    _check_backends(rule.backend_refs, report.at("backendRefs"))
    if rule.backend_refs and any(filter_.type == "RequestRedirect" for filter_ in rule.filters):
        report.at("backendRefs").fault("must not be set together with a RequestRedirect filter")
    _check_prefix_replacement(rule, report)
    if rule.timeouts is not None:
        _check_timeouts(rule.timeouts, report.at("timeouts"))
    if rule.retry is not None:
        _check_retry(rule.retry, report.at("retry"))
    if rule.session_persistence is not None:
        _check_session(rule.session_persistence, report.at("sessionPersistence"))


def _check_match(match: HTTPRouteMatch, report: Report) -> None:
    path = report.at("path", "value")
    if match.path.type == "RegularExpression":
        path.require(len(match.path.value) <= 1024, "must have at most 1024 characters")
    else:
        path.check(formats.absolute_path(match.path.value))
    _check_pairs(match.headers, report.at("headers"), longest=4096)
    _check_pairs(match.query_params, report.at("queryParams"), longest=1024)


def _check_pairs(
    pairs: Sequence[HTTPHeaderMatch | HTTPQueryParamMatch],
    report: Report,
    *,
    longest: int,
) -> None:
    report.require(len(pairs) <= 16, "must have at most 16 entries")
    seen: set[str] = set()
    for index, pair in enumerate(pairs):
        place = report.at(index)
        place.at("name").check(formats.header_name(pair.name))
        place.at("name").require(pair.name not in seen, f"{shown(pair.name)} is matched twice; only one can count")
        seen.add(pair.name)
        place.at("value").require(1 <= len(pair.value) <= longest, f"must have 1 to {longest} characters")


def _check_backends(backends: tuple[HTTPBackendRef, ...], report: Report) -> None:
    report.require(len(backends) <= 16, "must have at most 16 backends")
    for index, backend in enumerate(backends):
        place = report.at(index)
        check_backend(backend, place)
        place.at("weight").check(formats.in_range(backend.weight, 0, _MAX_WEIGHT))
        check_filters(backend.filters, place.at("filters"))


def _check_prefix_replacement(rule: HTTPRouteRule, report: Report) -> None:
    filters = [("filters", index, filter_) for index, filter_ in enumerate(rule.filters)]
    if _has_one_prefix(rule):
        return
    for name, index, filter_ in filters:
        if replaces_prefix(filter_):
            report.at(name, index).fault(_ONE_PREFIX)
    for backend, backend_ref in enumerate(rule.backend_refs):
        for index, filter_ in enumerate(backend_ref.filters):
            if replaces_prefix(filter_):
                report.at("backendRefs", backend, "filters", index).fault(_ONE_PREFIX)


_ONE_PREFIX = "replacePrefixMatch needs a rule with exactly one match, of type PathPrefix"


def _has_one_prefix(rule: HTTPRouteRule) -> bool:
    return len(rule.matches) == 1 and rule.matches[0].path.type == "PathPrefix"


def _check_timeouts(timeouts: HTTPRouteTimeouts, report: Report) -> None:
    for name, text in (("request", timeouts.request), ("backendRequest", timeouts.backend_request)):
        if text is not None and (wrong := formats.duration(text)):
            report.at(name).fault(wrong)
            return
    if timeouts.request is None or timeouts.backend_request is None:
        return
    whole = parse_duration(timeouts.request)
    if whole and parse_duration(timeouts.backend_request) > whole:
        report.at("backendRequest").fault("must not be longer than request")


def _check_retry(retry: HTTPRouteRetry, report: Report) -> None:
    for index, code in enumerate(retry.codes):
        report.at("codes", index).check(formats.in_range(code, 400, 599))
    if retry.attempts is not None:
        report.at("attempts").require(retry.attempts >= 1, "must be 1 or more")
    if retry.backoff is not None:
        report.at("backoff").check(formats.duration(retry.backoff))


def _check_session(session: SessionPersistence, report: Report) -> None:
    for name, text in (("absoluteTimeout", session.absolute_timeout), ("idleTimeout", session.idle_timeout)):
        if text is not None:
            report.at(name).check(formats.duration(text))
    for name, type_, config in (
        ("cookie", "Cookie", session.cookie),
        ("cookieConfig", "Cookie", session.cookie_config),
        ("header", "Header", session.header),
    ):
        report.at(name).require(config is None or session.type == type_, f"needs type {type_}")
    if session.header is not None and session.header.name is not None:
        report.at("header", "name").check(formats.header_name(session.header.name))
