"""A router that ends its stream without an answer: the request must not go on to another route.

Envoy takes a stream that ends cleanly (gRPC status 0) for "nothing to change", whatever ``failure_mode_allow`` says.
What it notes of its calls tells the difference (``rh:<microseconds>:<status>`` for the head,
``rb:<calls>:<microseconds>:<status>`` for the body): one that was still open then has a status other than 0. Where the
stream ends between the two, Envoy lets the head go before the body comes, and notes nothing of a body: then the request
passes only where it is known to have none.
"""

from __future__ import annotations

from modelyard.envoy.api import NOTE, Config, extension, typed
from modelyard.envoy.external_processing import ROUTER_FILTER

_POLICY = "router_unanswered"
UNANSWERED = f"rbac_access_denied_matched_policy[{_POLICY}]"
"""What Envoy tells of its answer."""

_UNANSWERED = r"(?:.*,)?r[hb]:(?:[0-9]+:)+[1-9][0-9]*(?:,.*)?"
_NOT_OF_BODY = r"(?:[^r,]|r[^b,])[^,]*"
_HEAD_ALONE = rf"(?:{_NOT_OF_BODY},)*rh:[^,]*(?:,{_NOT_OF_BODY})*"
_RECEIVED = "modelyard.received"
_RECEIVED_FORMAT = "%REQUEST_DURATION% ms, %BYTES_RECEIVED% bytes"
"""Of the request, when its head passes. There is no duration (``-``) before it has come to its end."""
_NO_BODY = r"[0-9]+ ms, 0 bytes"
_INPUT = "extensions.matching.common_inputs.network.v3.FilterStateInput"
_ACTION = "config.rbac.v3.Action"


def require_answer() -> list[Config]:
    """HTTP filters after the router's, for routers of any make."""
    return [_note_what_came(), _refuse_unanswered()]


def _note_what_came() -> Config:
    source = {"text_format_source": {"inline_string": _RECEIVED_FORMAT}}
    value = {"object_key": _RECEIVED, "factory_key": "envoy.string", "format_string": source}
    config = typed("extensions.filters.http.set_filter_state.v3.Config", on_request_headers=[value])
    return extension("modelyard.received", config)


def _refuse_unanswered() -> Config:
    no_body = {"not_matcher": _noted(_RECEIVED, _NO_BODY)}
    unread = {"and_matcher": {"predicate": [_noted(ROUTER_FILTER, _HEAD_ALONE), no_body]}}
    unanswered = {"or_matcher": {"predicate": [_noted(ROUTER_FILTER, _UNANSWERED), unread]}}
    matcher = {
        "matcher_list": {"matchers": [{"predicate": unanswered, "on_match": _action(_POLICY, "DENY")}]},
        "on_no_match": _action("answered", "ALLOW"),
    }
    config = typed("extensions.filters.http.rbac.v3.RBAC", matcher=matcher)
    note = "A router that ends its stream without an answer is no router: 503 rather than another route."
    return {NOTE: note, **extension("modelyard.body_router_answer", config)}


def _noted(key: str, expression: str) -> Config:
    """What a filter has noted matches. The router's notes nothing where it is not asked."""
    noted = extension("envoy.matching.inputs.filter_state", typed(_INPUT, key=key))
    matched = {"safe_regex": {"google_re2": {}, "regex": expression}}
    return {"single_predicate": {"input": noted, "value_match": matched}}


def _action(name: str, action: str) -> Config:
    return {"action": extension(name, typed(_ACTION, name=name, action=action))}
