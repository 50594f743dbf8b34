"""Filters of an HTTPRoute (``gateway.networking.k8s.io``, HTTPRouteFilter)."""

from __future__ import annotations

from typing import Literal

from modelyard.resources.bases import Strict
from modelyard.resources.references import BackendObjectReference, LocalObjectReference

FilterType = Literal[
    "RequestHeaderModifier",
    "ResponseHeaderModifier",
    "RequestMirror",
    "RequestRedirect",
    "URLRewrite",
    "CORS",
    "ExternalAuth",
    "ExtensionRef",
]


class HTTPHeader(Strict, frozen=True, kw_only=True):
    """A header to set or add."""

    name: str
    value: str


class HTTPHeaderFilter(Strict, frozen=True, kw_only=True):
    """Header changes: set (overwrite), add (append), remove. Names are case-insensitive."""

    set: tuple[HTTPHeader, ...] = ()
    add: tuple[HTTPHeader, ...] = ()
    remove: tuple[str, ...] = ()


class HTTPPathModifier(Strict, frozen=True, kw_only=True):
    """A new path: whole, or in place of the matched prefix."""

    type: Literal["ReplaceFullPath", "ReplacePrefixMatch"]
    replace_full_path: str | None = None
    replace_prefix_match: str | None = None


class HTTPRequestRedirectFilter(Strict, frozen=True, kw_only=True):
    """Answers with a redirect. Parts that are None are taken from the request."""

    scheme: Literal["http", "https"] | None = None
    hostname: str | None = None
    path: HTTPPathModifier | None = None
    port: int | None = None
    status_code: Literal[301, 302, 303, 307, 308] = 302


class HTTPURLRewriteFilter(Strict, frozen=True, kw_only=True):
    """Changes Host and path of the forwarded request."""

    hostname: str | None = None
    path: HTTPPathModifier | None = None


class Fraction(Strict, frozen=True, kw_only=True):
    """``numerator`` of every ``denominator`` requests."""

    numerator: int
    denominator: int = 100


class HTTPRequestMirrorFilter(Strict, frozen=True, kw_only=True):
    """Sends a copy of requests to another backend and ignores its answers."""

    backend_ref: BackendObjectReference
    percent: int | None = None
    fraction: Fraction | None = None

    @property
    def share(self) -> float:
        """Part of the requests that is mirrored, 0 to 1."""
        if self.percent is not None:
            return self.percent / 100
        if self.fraction is not None:
            return self.fraction.numerator / self.fraction.denominator
        return 1.0


class HTTPCORSFilter(Strict, frozen=True, kw_only=True):
    """Cross-origin rules (Fetch standard)."""

    allow_origins: tuple[str, ...] = ()
    """``scheme://host[:port]``, with ``*`` for one or more leading labels, or ``*`` alone."""
    allow_credentials: bool = False
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: int = 5
    """Seconds that a client may keep the preflight answer."""


class GRPCAuthConfig(Strict, frozen=True, kw_only=True):
    """External authorisation over gRPC; parsed only."""

    allowed_headers: tuple[str, ...] = ()


class HTTPAuthConfig(Strict, frozen=True, kw_only=True):
    """External authorisation over HTTP; parsed only."""

    path: str = ""
    allowed_headers: tuple[str, ...] = ()
    allowed_response_headers: tuple[str, ...] = ()


class ForwardBodyConfig(Strict, frozen=True, kw_only=True):
    """Body sent to the authorisation server; parsed only."""

    max_size: int = 0


class HTTPExternalAuthFilter(Strict, frozen=True, kw_only=True):
    """External authorisation (experimental channel); parsed only."""

    protocol: Literal["HTTP", "GRPC"]
    backend_ref: BackendObjectReference
    grpc: GRPCAuthConfig | None = None
    http: HTTPAuthConfig | None = None
    forward_body: ForwardBodyConfig | None = None


class HTTPRouteFilter(Strict, frozen=True, kw_only=True):
    """One filter: ``type`` says which one of the other fields is set."""

    type: FilterType
    request_header_modifier: HTTPHeaderFilter | None = None
    response_header_modifier: HTTPHeaderFilter | None = None
    request_mirror: HTTPRequestMirrorFilter | None = None
    request_redirect: HTTPRequestRedirectFilter | None = None
    url_rewrite: HTTPURLRewriteFilter | None = None
    cors: HTTPCORSFilter | None = None
    external_auth: HTTPExternalAuthFilter | None = None
    extension_ref: LocalObjectReference | None = None
