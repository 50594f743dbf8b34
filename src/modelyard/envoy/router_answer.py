"""A router that ends its stream without an answer: the request must not go on to another route.

Envoy takes a stream that ends cleanly (gRPC status 0) for "nothing to change", whatever ``failure_mode_allow`` says.
What it notes of its calls tells the difference (``rh:<microseconds>:<status>`` for the head,
``rb:<calls>:<microseconds>:<status>`` for the body): one that was still open then has a status other than 0.
"""

from __future__ import annotations

from modelyard.envoy.api import NOTE, Config, extension, typed
from modelyard.envoy.external_processing import ROUTER_FILTER

_POLICY = "router_unanswered"
UNANSWERED = f"rbac_access_denied_matched_policy[{_POLICY}]"
"""What Envoy tells of its answer."""

_UNANSWERED = r"(?:.*,)?r[hb]:(?:[0-9]+:)+[1-9][0-9]*(?:,.*)?"
_INPUT = "extensions.matching.common_inputs.network.v3.FilterStateInput"
_ACTION = "config.rbac.v3.Action"


def require_answer() -> Config:
    """An HTTP filter after the router's, for routers of any make."""
    noted = extension("envoy.matching.inputs.filter_state", typed(_INPUT, key=ROUTER_FILTER))
    expression = {"google_re2": {}, "regex": _UNANSWERED}
    unanswered = {"single_predicate": {"input": noted, "value_match": {"safe_regex": expression}}}
    matcher = {
        "matcher_list": {"matchers": [{"predicate": unanswered, "on_match": _action(_POLICY, "DENY")}]},
        "on_no_match": _action("answered", "ALLOW"),
    }
    config = typed("extensions.filters.http.rbac.v3.RBAC", matcher=matcher)
    note = "A router that ends its stream without an answer is no router: 503 rather than another route."
    return {NOTE: note, **extension("modelyard.body_router_answer", config)}


def _action(name: str, action: str) -> Config:
    return {"action": extension(name, typed(_ACTION, name=name, action=action))}
