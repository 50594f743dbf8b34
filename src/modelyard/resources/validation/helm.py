"""Rules of the body-based router's values: known plugins, and parameters that name a field and a header."""

from __future__ import annotations

from modelyard.resources.errors import nearest, shown
from modelyard.resources.faults import Report
from modelyard.resources.helm import (
    BASE_MODEL_TO_HEADER,
    BODY_FIELD_TO_HEADER,
    BodyBasedRouterValues,
    BodyPlugin,
)
from modelyard.resources.validation import formats

PLUGIN_TYPES = (BODY_FIELD_TO_HEADER, BASE_MODEL_TO_HEADER, "no-op-plugin")
_PARAMETERS = ("field_name", "header_name", "fieldName", "headerName")
_BOTH_SPELLINGS = (("field_name", "fieldName"), ("header_name", "headerName"))

_FRAMING = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "forwarded",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""What says where a message ends, for which hop a field is, or for whom the request is (RFC 9110, section 7.6.1)."""
_ROUTING = (
    "x-data-parallel-host",
    "x-encoder-hosts",
    "x-envoy-",
    "x-forwarded-",
    "x-gateway-destination-endpoint",
    "x-kv-cache-source-",
    "x-modelyard-",
    "x-prefiller-",
)
"""Beginnings of what proxies, pickers and engines follow: whoever writes the body would choose where it goes."""
_ALLOWED = "a name of its own, such as X-Gateway-Model-Name"


def check_values(values: BodyBasedRouterValues, report: Report) -> None:
    for index, plugin in enumerate(values.plugins):
        _check_plugin(plugin, report.at("plugins", index))


def _check_plugin(plugin: BodyPlugin, report: Report) -> None:
    if plugin.type not in PLUGIN_TYPES:
        report.at("type").fault(
            f"{shown(plugin.type)} is no plugin of the body-based router",
            allowed=PLUGIN_TYPES,
            suggestion=nearest(plugin.type, PLUGIN_TYPES),
        )
        return
    allowed = _PARAMETERS if plugin.type == BODY_FIELD_TO_HEADER else ()
    for name, value in plugin.json.items():
        if name not in allowed:
            report.at("json", name).fault("unknown parameter", allowed=allowed, suggestion=nearest(name, allowed))
        elif not isinstance(value, str):
            report.at("json", name).fault(f"must be a string, not {shown(value)}")
    if plugin.type == BODY_FIELD_TO_HEADER:
        report.at("json", "field_name").require(bool(plugin.field_name), "is required and missing")
        for names in _BOTH_SPELLINGS:
            given = [plugin.json[name] for name in names if plugin.json.get(name)]
            if len(given) == 2 and given[0] != given[1]:
                message = f"is {shown(given[0])}, and {names[1]} is {shown(given[1])}: give one of them"
                report.at("json", names[0]).fault(message)
        report.at("json", "header_name").check(_settable(plugin.header_name))


def _settable(header: str) -> str | None:
    """What is wrong with setting ``header`` from a body. Some receivers read ``_`` as ``-``."""
    if header.startswith(":"):
        return f"{shown(header)} is a pseudo-header, which says what the request is; allowed: {_ALLOWED}"
    name = header.lower().replace("_", "-")
    if name in _FRAMING:
        return f"{shown(header)} frames the request or says for whom it is; allowed: {_ALLOWED}"
    if name.startswith(_ROUTING):
        return f"{shown(header)} is a header that proxies, pickers or engines follow; allowed: {_ALLOWED}"
    return formats.header_name(header)
