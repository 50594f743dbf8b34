"""Rules of HTTPRoute filters (Gateway API ``httproute_types.go``)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from modelyard.resources.errors import nearest, shown
from modelyard.resources.faults import Report
from modelyard.resources.http_filters import (
    FilterType,
    HTTPCORSFilter,
    HTTPExternalAuthFilter,
    HTTPHeaderFilter,
    HTTPPathModifier,
    HTTPRequestMirrorFilter,
    HTTPRequestRedirectFilter,
    HTTPRouteFilter,
    HTTPURLRewriteFilter,
)
from modelyard.resources.validation import formats
from modelyard.resources.validation.references import check_backend, check_reference

_FIELD_OF_TYPE = {
    "RequestHeaderModifier": ("request_header_modifier", "requestHeaderModifier"),
    "ResponseHeaderModifier": ("response_header_modifier", "responseHeaderModifier"),
    "RequestMirror": ("request_mirror", "requestMirror"),
    "RequestRedirect": ("request_redirect", "requestRedirect"),
    "URLRewrite": ("url_rewrite", "urlRewrite"),
    "CORS": ("cors", "cors"),
    "ExternalAuth": ("external_auth", "externalAuth"),
    "ExtensionRef": ("extension_ref", "extensionRef"),
}
_AT_MOST_ONCE: tuple[FilterType, ...] = (
    "RequestHeaderModifier",
    "ResponseHeaderModifier",
    "RequestRedirect",
    "URLRewrite",
    "CORS",
)
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "*")
_ORIGIN = re.compile(r"\*|https?://(?:(?:\*\.)?(?:[a-zA-Z0-9-]+\.)*[a-zA-Z0-9-]+|\*)(?::[0-9]{1,5})?")
_ANY_ORIGIN = re.compile(r"[^:/?#]+://[^/?#]*")


def check_filters(filters: tuple[HTTPRouteFilter, ...], report: Report) -> None:
    """Each filter has the field of its type; no type that changes the same thing comes twice."""
    report.require(len(filters) <= 16, "must have at most 16 filters")
    for index, filter_ in enumerate(filters):
        _check_filter(filter_, report.at(index))
    counts = Counter(filter_.type for filter_ in filters)
    for type_ in _AT_MOST_ONCE:
        report.require(counts[type_] <= 1, f"the filter {type_} must not come twice; join the two")
    if counts["RequestRedirect"] and counts["URLRewrite"]:
        report.fault("RequestRedirect and URLRewrite must not be used together")


def replaces_prefix(filter_: HTTPRouteFilter) -> bool:
    """Whether the filter replaces the matched prefix, which needs a PathPrefix match."""
    changes = (filter_.request_redirect, filter_.url_rewrite)
    return any(
        change is not None and change.path is not None and change.path.type == "ReplacePrefixMatch"
        for change in changes
    )


def _check_filter(filter_: HTTPRouteFilter, report: Report) -> None:
    for type_, (field, name) in _FIELD_OF_TYPE.items():
        value = getattr(filter_, field)
        if type_ == filter_.type and value is None:
            report.at(name).fault(f"is required for type {type_} and missing")
        elif type_ != filter_.type and value is not None:
            report.at(name).fault(f"must not be set for type {filter_.type}")
        elif value is not None:
            _CHECKS[type_](value, report.at(name))


def _check_headers(headers: HTTPHeaderFilter, report: Report) -> None:
    for name, items in (("set", headers.set), ("add", headers.add)):
        place = report.at(name)
        place.require(len(items) <= 16, "must have at most 16 headers")
        for index, header in enumerate(items):
            place.at(index, "name").check(formats.header_name(header.name))
            place.at(index, "value").check(formats.header_value(header.value))
        _check_distinct([header.name for header in items], place)
    report.at("remove").require(len(headers.remove) <= 16, "must have at most 16 headers")
    for index, removed in enumerate(headers.remove):
        report.at("remove", index).check(formats.header_name(removed))
    _check_distinct(headers.remove, report.at("remove"))


def _check_distinct(names: Sequence[str], report: Report) -> None:
    """Spellings that differ in case only are one header too, but the API accepts them: the first counts."""
    for index, name in enumerate(names):
        report.at(index).require(name not in names[:index], f"{shown(name)} is there twice; remove one")


def _check_path_modifier(path: HTTPPathModifier, report: Report) -> None:
    pairs = (
        ("ReplaceFullPath", "replaceFullPath", path.replace_full_path),
        ("ReplacePrefixMatch", "replacePrefixMatch", path.replace_prefix_match),
    )
    for type_, name, value in pairs:
        if type_ == path.type and value is None:
            report.at(name).fault(f"is required for type {type_} and missing")
        elif type_ != path.type and value is not None:
            report.at(name).fault(f"must not be set for type {path.type}")
        elif value is not None:
            report.at(name).check(_new_path(value))


def _new_path(text: str) -> str | None:
    """The specification leaves the form open; what no URL can carry is refused."""
    if len(text) > 1024:
        return "must have at most 1024 characters"
    bad = any(character <= " " or character == "\x7f" for character in text)
    return f"{shown(text)} must not hold spaces or control characters" if bad else None


def _check_redirect(redirect: HTTPRequestRedirectFilter, report: Report) -> None:
    if redirect.hostname is not None:
        report.at("hostname").check(formats.precise_hostname(redirect.hostname))
    if redirect.port is not None:
        report.at("port").check(formats.port(redirect.port))
    if redirect.path is not None:
        _check_path_modifier(redirect.path, report.at("path"))


def _check_rewrite(rewrite: HTTPURLRewriteFilter, report: Report) -> None:
    if rewrite.hostname is not None:
        report.at("hostname").check(formats.precise_hostname(rewrite.hostname))
    if rewrite.path is not None:
        _check_path_modifier(rewrite.path, report.at("path"))


def _check_mirror(mirror: HTTPRequestMirrorFilter, report: Report) -> None:
    check_backend(mirror.backend_ref, report.at("backendRef"))
    if mirror.percent is not None:
        report.at("percent").check(formats.in_range(mirror.percent, 0, 100))
    if mirror.percent is not None and mirror.fraction is not None:
        report.fault("only one of percent and fraction may be set")
    if mirror.fraction is not None:
        fraction = mirror.fraction
        report.at("fraction", "denominator").require(fraction.denominator >= 1, "must be 1 or more")
        report.at("fraction", "numerator").require(
            0 <= fraction.numerator <= fraction.denominator, "must be from 0 up to the denominator"
        )


def _check_cors(cors: HTTPCORSFilter, report: Report) -> None:
    for index, origin in enumerate(cors.allow_origins):
        if not _ORIGIN.fullmatch(origin) and ("*" in origin or not _ANY_ORIGIN.fullmatch(origin)):
            report.at("allowOrigins", index).fault(f"{shown(origin)} is no origin; write it like https://a.example")
    for index, method in enumerate(cors.allow_methods):
        if method not in _METHODS:
            report.at("allowMethods", index).fault(
                f"{shown(method)} is not valid here", allowed=_METHODS, suggestion=nearest(method, _METHODS)
            )
    for field, names in (("allowHeaders", cors.allow_headers), ("exposeHeaders", cors.expose_headers)):
        report.at(field).require(len(names) <= 64, "must have at most 64 entries")
        for index, name in enumerate(names):
            report.at(field, index).check(formats.header_name(name))
    lone = (
        ("allowOrigins", cors.allow_origins),
        ("allowMethods", cors.allow_methods),
        ("allowHeaders", cors.allow_headers),
    )
    for field, names in lone:
        report.at(field).require("*" not in names or len(names) == 1, "'*' must stand alone")
    report.at("maxAge").require(cors.max_age >= 1, "must be 1 second or more")


def _check_external_auth(auth: HTTPExternalAuthFilter, report: Report) -> None:
    check_backend(auth.backend_ref, report.at("backendRef"))


_CHECKS: dict[str, Callable[[Any, Report], None]] = {
    "RequestHeaderModifier": _check_headers,
    "ResponseHeaderModifier": _check_headers,
    "RequestMirror": _check_mirror,
    "RequestRedirect": _check_redirect,
    "URLRewrite": _check_rewrite,
    "CORS": _check_cors,
    "ExternalAuth": _check_external_auth,
    "ExtensionRef": check_reference,
}
