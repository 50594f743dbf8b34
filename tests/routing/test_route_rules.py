from __future__ import annotations

import pytest

from modelyard.resources.http_filters import HTTPRouteFilter
from modelyard.resources.http_route import (
    HTTPBackendRef,
    HTTPHeaderMatch,
    HTTPPathMatch,
    HTTPQueryParamMatch,
    HTTPRoute,
    HTTPRouteMatch,
    HTTPRouteRetry,
    HTTPRouteRule,
    HTTPRouteSpec,
    HTTPRouteTimeouts,
)
from modelyard.resources.metadata import ObjectMeta
from modelyard.resources.resource_set import ResourceSet
from modelyard.routing.matching import Conditions
from modelyard.routing.paths import PathMatch
from modelyard.routing.references import BackendResolver, Grants
from modelyard.routing.route_rules import RouteRules, compile_rules
from modelyard.routing.rules import RetryPolicy


def compiled(*rules: HTTPRouteRule) -> RouteRules:
    route = HTTPRoute(
        api_version="gateway.networking.k8s.io/v1",
        kind="HTTPRoute",
        metadata=ObjectMeta(name="r", namespace="infra"),
        spec=HTTPRouteSpec(rules=rules),
    )
    return compile_rules(route, BackendResolver(ResourceSet(), Grants([])))


def rule(**match: object) -> HTTPRouteRule:
    return HTTPRouteRule(matches=(HTTPRouteMatch(**match),))  # type: ignore[arg-type]


def test_every_match_selects_its_rule_with_its_prefix() -> None:
    found = compiled(
        HTTPRouteRule(
            name="chat",
            matches=(
                HTTPRouteMatch(path=HTTPPathMatch(value="/a/")),
                HTTPRouteMatch(path=HTTPPathMatch(type="Exact", value="/b")),
            ),
        )
    )
    (first, _, one, at_one), (second, _, two, at_two) = found.selected
    assert (first, second) == (PathMatch.prefix("/a"), PathMatch.exact("/b"))
    assert (one.matched_prefix, two.matched_prefix) == ("/a", None)
    assert (one.rule_name, one.route, at_one, at_two) == ("chat", "infra/r", (0, 0), (0, 1))


def test_only_the_first_condition_of_a_name_counts() -> None:
    found = compiled(
        rule(
            headers=(HTTPHeaderMatch(name="A", value="1"), HTTPHeaderMatch(name="a", value="2")),
            query_params=(
                HTTPQueryParamMatch(name="q", value="1"),
                HTTPQueryParamMatch(name="q", value="2"),
                HTTPQueryParamMatch(name="Q", value="3"),
            ),
        )
    )
    assert found.selected[0][1] == Conditions(headers=(("a", "1"),), queries=(("q", "1"), ("Q", "3")))


def test_timeouts_and_retries() -> None:
    found = compiled(
        HTTPRouteRule(
            timeouts=HTTPRouteTimeouts(request="10s", backend_request="500ms"),
            retry=HTTPRouteRetry(codes=(500, 503), attempts=3, backoff="100ms"),
        ),
        HTTPRouteRule(timeouts=HTTPRouteTimeouts(request="0s", backend_request="2s"), retry=HTTPRouteRetry()),
    )
    first, second = (selected[2] for selected in found.selected)
    assert (first.request_timeout, first.backend_timeout) == (10.0, 0.5)
    assert first.retry == RetryPolicy(frozenset({500, 503}), 3, 0.1)
    assert (second.request_timeout, second.backend_timeout, second.retry) == (0.0, 2.0, RetryPolicy())


@pytest.mark.parametrize(
    "broken",
    [
        rule(path=HTTPPathMatch(type="RegularExpression", value="(a")),
        rule(path=HTTPPathMatch(value="no-slash")),
        rule(path=HTTPPathMatch(type="Exact", value="//a")),
        rule(headers=(HTTPHeaderMatch(name="a", type="RegularExpression", value="(?=a)"),)),
        HTTPRouteRule(timeouts=HTTPRouteTimeouts(request="1s", backend_request="2s")),
        HTTPRouteRule(timeouts=HTTPRouteTimeouts(request="soon")),
        HTTPRouteRule(retry=HTTPRouteRetry(backoff="soon")),
    ],
)
def test_a_broken_rule_is_dropped_alone(broken: HTTPRouteRule) -> None:
    mixed = compiled(broken, rule())
    assert [selected[3] for selected in mixed.selected] == [(1, 0)]
    assert mixed.partial.startswith("Dropped Rule(s) 0: ")
    assert mixed.rejected is None
    alone = compiled(broken)
    assert alone.selected == []
    assert alone.partial == ""
    assert alone.rejected is not None
    assert alone.rejected.reason == "UnsupportedValue"


def test_a_route_without_rules_is_accepted_and_serves_nothing() -> None:
    found = compiled()
    assert (found.selected, found.rejected, found.partial) == ([], None, "")


def test_requests_of_unknown_filters_get_an_error() -> None:
    found = compiled(HTTPRouteRule(filters=(HTTPRouteFilter(type="ExternalAuth"),)), rule())
    assert "ExternalAuth" in found.selected[0][2].error
    assert list(found.dropped) == [0]
    assert found.selected[1][2].error == ""


def test_a_backend_that_does_not_resolve_keeps_its_weight() -> None:
    found = compiled(HTTPRouteRule(backend_refs=(HTTPBackendRef(name="gone", port=80, weight=3),)))
    backend = found.selected[0][2].pick_backend(0.0)
    assert backend is not None
    assert (backend.weight, bool(backend.error)) == (3, True)
    assert found.reference_fault is not None
    assert found.reference_fault.reason == "BackendNotFound"
