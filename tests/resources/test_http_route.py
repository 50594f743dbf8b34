from __future__ import annotations

import msgspec

from modelyard.resources.http_route import HTTPRouteMatch, HTTPRouteRule, HTTPRouteSpec, HTTPRouteTimeouts


def test_defaults_are_those_of_the_specification():
    spec = msgspec.convert({}, HTTPRouteSpec)
    (rule,) = spec.rules
    (match,) = rule.matches
    assert (match.path.type, match.path.value) == ("PathPrefix", "/")
    assert rule.backend_refs == ()


def test_empty_matches_are_the_prefix_of_everything():
    assert HTTPRouteRule(matches=()).matches == (HTTPRouteMatch(),)
    assert msgspec.convert({"matches": []}, HTTPRouteRule).matches == (HTTPRouteMatch(),)


def test_timeouts_in_seconds():
    timeouts = HTTPRouteTimeouts(request="1m", backend_request="0s")
    assert (timeouts.request_seconds, timeouts.backend_request_seconds) == (60.0, 0.0)
    assert HTTPRouteTimeouts().request_seconds is None
