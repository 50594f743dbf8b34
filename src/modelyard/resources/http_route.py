"""HTTPRoute (``gateway.networking.k8s.io``)."""

from __future__ import annotations

from typing import Literal

import msgspec

from modelyard.resources.bases import Strict, StrictResource
from modelyard.resources.durations import parse_duration
from modelyard.resources.http_filters import HTTPRouteFilter
from modelyard.resources.references import BackendObjectReference, ParentReference

Method = Literal["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]


class HTTPPathMatch(Strict, frozen=True, kw_only=True):
    """How the path of a request is compared. A prefix matches whole path elements only."""

    type: Literal["Exact", "PathPrefix", "RegularExpression"] = "PathPrefix"
    value: str = "/"


class HTTPHeaderMatch(Strict, frozen=True, kw_only=True):
    """Compares one header; the name is case-insensitive."""

    type: Literal["Exact", "RegularExpression"] = "Exact"
    name: str
    value: str


class HTTPQueryParamMatch(Strict, frozen=True, kw_only=True):
    """Compares one query parameter; the name is case-sensitive."""

    type: Literal["Exact", "RegularExpression"] = "Exact"
    name: str
    value: str


class HTTPRouteMatch(Strict, frozen=True, kw_only=True):
    """All that is set must match."""

    path: HTTPPathMatch = HTTPPathMatch()
    headers: tuple[HTTPHeaderMatch, ...] = ()
    query_params: tuple[HTTPQueryParamMatch, ...] = ()
    method: Method | None = None


class HTTPBackendRef(BackendObjectReference, frozen=True, kw_only=True):
    """Where requests go. Share of a backend: its weight over the sum of the rule's weights."""

    weight: int = 1
    filters: tuple[HTTPRouteFilter, ...] = ()


class HTTPRouteTimeouts(Strict, frozen=True, kw_only=True):
    """Durations as written (GEP-2257); ``0s`` means no timeout."""

    request: str | None = None
    """The whole transaction, as the client sees it."""
    backend_request: str | None = None
    """One request to a backend; retries count one by one."""

    @property
    def request_seconds(self) -> float | None:
        return None if self.request is None else parse_duration(self.request)

    @property
    def backend_request_seconds(self) -> float | None:
        return None if self.backend_request is None else parse_duration(self.backend_request)


class HTTPRouteRetry(Strict, frozen=True, kw_only=True):
    """When and how often a failed backend request is repeated (experimental channel)."""

    codes: tuple[int, ...] = ()
    attempts: int | None = None
    backoff: str | None = None


class CookieConfig(Strict, frozen=True, kw_only=True):
    """Cookie of session persistence."""

    name: str | None = None
    path: str = "/"
    lifetime_type: Literal["Permanent", "Session"] = "Session"


class HeaderConfig(Strict, frozen=True, kw_only=True):
    """Header of session persistence."""

    name: str | None = None


class SessionPersistence(Strict, frozen=True, kw_only=True):
    """Sends the requests of one session to one endpoint (experimental channel, GEP-1619)."""

    session_name: str | None = None
    absolute_timeout: str | None = None
    idle_timeout: str | None = None
    type: Literal["Cookie", "Header"] = "Cookie"
    cookie_config: CookieConfig | None = None
    cookie: CookieConfig | None = None
    header: HeaderConfig | None = None


class HTTPRouteRule(Strict, frozen=True, kw_only=True):
    """Any of ``matches`` selects the rule. Without matches it is the prefix ``/``."""

    name: str | None = None
    matches: tuple[HTTPRouteMatch, ...] = (HTTPRouteMatch(),)
    filters: tuple[HTTPRouteFilter, ...] = ()
    backend_refs: tuple[HTTPBackendRef, ...] = ()
    timeouts: HTTPRouteTimeouts | None = None
    retry: HTTPRouteRetry | None = None
    session_persistence: SessionPersistence | None = None

    def __post_init__(self) -> None:
        if not self.matches:
            msgspec.structs.force_setattr(self, "matches", (HTTPRouteMatch(),))


class HTTPRouteSpec(Strict, frozen=True, kw_only=True):
    """What a route attaches to and where it sends requests."""

    parent_refs: tuple[ParentReference, ...] = ()
    use_default_gateways: Literal["All", "None"] | None = None
    hostnames: tuple[str, ...] = ()
    """Empty: every host of the listener."""
    rules: tuple[HTTPRouteRule, ...] = (HTTPRouteRule(),)


class HTTPRoute(StrictResource, frozen=True, kw_only=True):
    """Rules from requests to backends."""

    spec: HTTPRouteSpec
