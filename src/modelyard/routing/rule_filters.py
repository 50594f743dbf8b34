"""HTTPRoute filters as written -> a ``FilterChain``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from modelyard.resources.http_filters import (
    HTTPCORSFilter,
    HTTPHeader,
    HTTPHeaderFilter,
    HTTPPathModifier,
    HTTPRequestMirrorFilter,
    HTTPRequestRedirectFilter,
    HTTPRouteFilter,
    HTTPURLRewriteFilter,
)
from modelyard.routing.conditions import Fault
from modelyard.routing.filters.chain import NO_FILTERS, FilterChain
from modelyard.routing.filters.cors import Cors
from modelyard.routing.filters.headers import HeaderEdit
from modelyard.routing.filters.mirrors import Mirror
from modelyard.routing.filters.origins import OriginSet
from modelyard.routing.filters.path_changes import PathChange
from modelyard.routing.filters.redirects import Redirect
from modelyard.routing.filters.rewrites import Rewrite
from modelyard.routing.references import BackendResolver

_Body = TypeVar("_Body")

_REPEATABLE = ("RequestMirror", "ExtensionRef")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class FilterError(ValueError):
    """A filter that makes its rule invalid."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class FilterCompiler:
    """Compiles the filters of one route; collects the references that do not resolve."""

    def __init__(self, backends: BackendResolver, namespace: str) -> None:
        self._backends = backends
        self._namespace = namespace
        self.reference_faults: list[Fault] = []

    def compile(self, filters: Sequence[HTTPRouteFilter], *, prefix_matches_only: bool) -> FilterChain:
        """The chain of a rule or backend. Raises FilterError where the rule cannot be carried out as written.

        ``prefix_matches_only``: all matches of the rule are prefixes, as ReplacePrefixMatch needs.
        """
        if not filters:
            return NO_FILTERS
        _check_combination(filters)
        by_type: dict[str, HTTPRouteFilter] = {item.type: item for item in filters}
        chain = FilterChain(
            cors=_cors(_body(by_type, "CORS", lambda item: item.cors)),
            redirect=_redirect(_body(by_type, "RequestRedirect", lambda item: item.request_redirect)),
            request_headers=_header_edit(
                _body(by_type, "RequestHeaderModifier", lambda item: item.request_header_modifier)
            ),
            response_headers=_header_edit(
                _body(by_type, "ResponseHeaderModifier", lambda item: item.response_header_modifier)
            ),
            rewrite=_rewrite(_body(by_type, "URLRewrite", lambda item: item.url_rewrite)),
            mirrors=self._mirrors(filters),
        )
        if not prefix_matches_only and _replaces_prefix(chain):
            raise _unsupported("ReplacePrefixMatch needs PathPrefix matches only")
        return chain

    def unknown(self, filters: Sequence[HTTPRouteFilter]) -> str:
        """Why requests must get an error: a filter of a kind that is not known here. Empty: there is none."""
        for item in filters:
            if item.type == "ExtensionRef":
                kind = item.extension_ref.kind if item.extension_ref is not None else "nothing"
                message = f"filter ExtensionRef to {kind} is not supported; its requests get a 500"
                self.reference_faults.append(Fault("InvalidKind", message))
                return message
            if item.type == "ExternalAuth":
                return "filter ExternalAuth is not supported; its requests get a 500"
        return ""

    def _mirrors(self, filters: Sequence[HTTPRouteFilter]) -> tuple[Mirror, ...]:
        written = (item for item in filters if item.type == "RequestMirror")
        mirrors = (self._mirror(_required(item.request_mirror, item.type)) for item in written)
        return tuple(mirror for mirror in mirrors if mirror is not None)

    def _mirror(self, written: HTTPRequestMirrorFilter) -> Mirror | None:
        fraction = written.fraction
        if written.percent is not None and fraction is not None:
            raise _unsupported("RequestMirror takes percent or fraction, not both")
        if fraction is not None and fraction.denominator < 1:
            raise _unsupported("RequestMirror fraction needs a denominator of 1 or more")
        resolved = self._backends.resolve(written.backend_ref, self._namespace)
        if resolved.fault is not None:
            self.reference_faults.append(resolved.fault)
            return None
        return Mirror(resolved.ref, written.share)


def _check_combination(filters: Sequence[HTTPRouteFilter]) -> None:
    counts = Counter(item.type for item in filters)
    for kind, count in counts.items():
        if count > 1 and kind not in _REPEATABLE:
            raise FilterError(Fault("IncompatibleFilters", f"filter {kind} may be used once, not {count} times"))
    if counts["RequestRedirect"] and counts["URLRewrite"]:
        raise FilterError(Fault("IncompatibleFilters", "filters RequestRedirect and URLRewrite exclude each other"))


def _unsupported(message: str) -> FilterError:
    return FilterError(Fault("UnsupportedValue", message))


def _body(
    by_type: Mapping[str, HTTPRouteFilter], kind: str, body: Callable[[HTTPRouteFilter], _Body | None]
) -> _Body | None:
    written = by_type.get(kind)
    return None if written is None else _required(body(written), kind)


def _required(body: _Body | None, kind: str) -> _Body:
    if body is None:
        raise _unsupported(f"filter {kind} has no settings of its own name")
    return body


def _replaces_prefix(chain: FilterChain) -> bool:
    changes = (part.path_change for part in (chain.redirect, chain.rewrite) if part is not None)
    return any(change is not None and change.prefix_only for change in changes)


def _path_change(written: HTTPPathModifier | None) -> PathChange | None:
    if written is None:
        return None
    if written.type == "ReplaceFullPath":
        value = written.replace_full_path
    else:
        value = written.replace_prefix_match
    if value is None:
        raise _unsupported(f"path of type {written.type} has no value of that name")
    if value and not value.startswith("/"):
        value = f"/{value}"
    return PathChange(value, prefix_only=written.type == "ReplacePrefixMatch")


def _redirect(written: HTTPRequestRedirectFilter | None) -> Redirect | None:
    if written is None:
        return None
    return Redirect(
        status=written.status_code,
        scheme=written.scheme or "",
        hostname=written.hostname or "",
        port=written.port or 0,
        path_change=_path_change(written.path),
    )


def _rewrite(written: HTTPURLRewriteFilter | None) -> Rewrite | None:
    if written is None:
        return None
    return Rewrite(hostname=written.hostname or "", path_change=_path_change(written.path))


_FRAMING = frozenset(
    {"connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Written by the gateway alone: a second value could make an endpoint see other requests than were routed. A host is
changed by URLRewrite."""


def _header_edit(written: HTTPHeaderFilter | None) -> HeaderEdit | None:
    if written is None:
        return None
    edit = HeaderEdit(
        set=_fields(written.set),
        add=_fields(written.add),
        remove=frozenset(name.lower() for name in written.remove),
    )
    named = Counter([name for name, _ in edit.set] + [name for name, _ in edit.add] + list(edit.remove))
    for name, actions in named.items():
        if actions > 1:
            raise _unsupported(f"header {name} has more than one action; only one of set, add, remove is allowed")
    return edit


def _fields(written: Iterable[HTTPHeader]) -> tuple[tuple[str, str], ...]:
    """The first entry of each name counts, as the specification says. A value may not end its line."""
    found: dict[str, str] = {}
    for header in written:
        if _CONTROL.search(header.name + header.value):
            raise _unsupported(f"header {header.name!r} has a control character")
        if header.name.lower() in _FRAMING:
            raise _unsupported(f"header {header.name} belongs to the message's framing and cannot be set by a filter")
        found.setdefault(header.name.lower(), header.value)
    return tuple(found.items())


def _cors(written: HTTPCORSFilter | None) -> Cors | None:
    if written is None:
        return None
    return Cors(
        origins=OriginSet(written.allow_origins),
        methods=written.allow_methods,
        headers=written.allow_headers,
        expose=written.expose_headers,
        credentials=written.allow_credentials,
        max_age=written.max_age,
    )
