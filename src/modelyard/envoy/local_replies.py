"""Envoy's own answers as the error objects of the API (design, section 7), with the gateway's statuses.

Chosen by response flags, and by the details of the answer, which Envoy sets where it is the one that answers: what the
picker or the router answer with (ImmediateResponse) has neither and passes as it is.
"""

from __future__ import annotations

import msgspec

from modelyard.bodies.dialects import BY_PATH
from modelyard.bodies.errors import error_type
from modelyard.envoy.api import Config, extension, typed
from modelyard.envoy.overload import OVERLOADED
from modelyard.envoy.router_answer import UNANSWERED
from modelyard.envoy.upgrades import BODY_REFUSED
from modelyard.exchange.trusted_headers import MODEL_NAME

_NOTHING_THERE = "No route for %REQ(:METHOD)% %REQ(:PATH)% on host %REQ(:AUTHORITY)%."
_NO_ROUTER = "The router does not answer: try again soon."
_NO_NAME = "The request names no model: add the field 'model'."
_NO_MODEL = f"The model '%REQ({MODEL_NAME})%' does not exist here. GET /v1/models lists what there is."


_BROKEN = ("UF", "UC", "UR", "LR", "UPE", "UO", "URX")


def _by_expression(expression: str) -> Config:
    chosen = typed("extensions.access_loggers.filters.cel.v3.ExpressionFilter", expression=expression)
    return {"extension_filter": extension("envoy.access_loggers.extension_filters.cel", chosen)}


def _and(*filters: Config) -> Config:
    return {"and_filter": {"filters": list(filters)}}


_NO_ROUTE = _by_expression("xds.route_name == 'no_route'")
_UNNAMED = _by_expression(
    "xds.route_name == 'no_route' && request.method == 'POST' && request.url_path in " + str(sorted(BY_PATH))
)
"""Paths whose bodies name a model; ``str`` writes the list as the expression's language does."""
_NAMES_MODEL: Config = {"header_filter": {"header": {"name": MODEL_NAME, "present_match": True}}}


def local_reply_config(*, asks_router: bool) -> Config:
    """``local_reply_config`` of a connection manager. ``asks_router``: routes are chosen by the body's model."""
    unnamed = [_mapper(_UNNAMED, 400, "missing_model", _NO_NAME, param="model")] if asks_router else []
    return {
        "mappers": [
            _by_status(413, "body_too_large", "The request body is too large."),
            _by_details("ext_proc_error", 503, "router_unavailable", _NO_ROUTER),
            _by_details(UNANSWERED, 503, "router_unavailable", _NO_ROUTER),
            _by_details(OVERLOADED, 503, "overloaded", "The gateway is short of memory: try again soon."),
            _by_details("path_normalization_failed", 400, "invalid_path", "The path cannot be read."),
            _by_details("upgrade_failed", 400, "invalid_upgrade", "The only upgrade that is served is websocket."),
            _by_details(BODY_REFUSED, 400, "invalid_upgrade", "An upgrade is asked for by GET and without a body."),
            _mapper(_and(_NO_ROUTE, _NAMES_MODEL), 404, "model_not_found", _NO_MODEL, param="model"),
            *unnamed,
            _mapper(_NO_ROUTE, 404, "no_route", _NOTHING_THERE),
            _by_flag(("NR",), 404, "no_route", _NOTHING_THERE),
            _by_flag(("NC",), 500, "backend_invalid", "The route's backend does not exist."),
            _by_flag(("UH",), 503, "no_ready_endpoint", "No endpoint was picked for this request: try again soon."),
            _by_flag(("UT", "DT"), 504, "upstream_timeout", "The endpoint did not answer in time."),
            _by_flag(_BROKEN, 502, "upstream_failed", "The endpoint could not be reached or broke off."),
        ]
    }


def no_route() -> Config:
    """The last route of a host. Envoy takes the limit of bodies from the route, and only from one that forwards, so
    every request has one from the first byte; it leads nowhere."""
    action = {"cluster": "modelyard-no-route", "cluster_not_found_response_code": "NOT_FOUND"}
    return {"name": "no_route", "match": {"prefix": "/"}, "route": action}


def fixed_answer(status: int, code: str, message: str) -> Config:
    """Fields of a route that is answered without a backend."""
    return fixed_body(status, msgspec.json.encode(_error_object(status, code, message)).decode())


def fixed_body(status: int, body: str) -> Config:
    """The same for any JSON."""
    content_type = {"header": {"key": "content-type", "value": "application/json"}}
    answer = {"status": status, "body": {"inline_string": body}}
    return {
        "direct_response": answer,
        "response_headers_to_add": [{**content_type, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}],
    }


def _error_object(status: int, code: str, message: str, param: str | None = None) -> Config:
    return {"error": {"message": message, "type": error_type(status), "param": param, "code": code}}


def _by_flag(flags: tuple[str, ...], status: int, code: str, message: str) -> Config:
    return _mapper({"response_flag_filter": {"flags": list(flags)}}, status, code, message)


def _by_status(status: int, code: str, message: str) -> Config:
    comparison = {"op": "EQ", "value": {"default_value": status, "runtime_key": f"modelyard.reply.{status}"}}
    return _mapper({"status_code_filter": {"comparison": comparison}}, status, code, message)


def _by_details(begin: str, status: int, code: str, message: str) -> Config:
    """By what Envoy says of its own answer; the picker's and the router's answers say other words."""
    return _mapper(_by_expression(f"response.code_details.startsWith('{begin}')"), status, code, message)


def _mapper(chosen: Config, status: int, code: str, message: str, param: str | None = None) -> Config:
    return {
        "filter": chosen,
        "status_code": status,
        "body_format_override": {
            "json_format": _error_object(status, code, message, param),
            "content_type": "application/json",
        },
    }
