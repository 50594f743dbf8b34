"""Sessions: requests that should meet the endpoint that an earlier one met. Shared by the filter and the scorer.

Two ways. ``encoded_endpoint_header``: the answer carries a token that names its endpoint, and the client sends it back;
nothing is kept here. ``session_id``: the client sends an id of its own, and its endpoint is remembered for a while.
"""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Sequence
from typing import Literal

from modelyard.fleet.endpoints import Endpoint
from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest
from modelyard.picking.policy import Parameters

MAX_SESSIONS = 100_000
"""Sessions remembered per scheduler; the longest unused goes first."""

_ID_KEPT = 256


class EncodedEndpointHeaderConfig(Parameters, frozen=True, kw_only=True):
    """Settings of ``encoded_endpoint_header``."""

    header: str = "x-session-token"
    """Header of answers and requests with the token."""


class SessionSource(Parameters, frozen=True, kw_only=True):
    """Where a session id is read."""

    header: str = ""
    """Request header, in any case."""
    attribute: str = ""
    """Not implemented: endpoints' attributes have no session."""

    def __post_init__(self) -> None:
        if self.attribute or not self.header:
            raise ValueError("a source needs a header; attributes are not implemented")


class SessionIdConfig(Parameters, frozen=True, kw_only=True):
    """Settings of ``session_id``."""

    sources: tuple[SessionSource, ...] = (SessionSource(header="x-session-id"),)
    """The first one that the request has counts."""
    eviction_ttl_seconds: float = 300
    """Seconds after its last request that a session is forgotten."""
    eviction_sweep_seconds: float = 10
    """No effect: forgotten sessions are dropped as new requests come."""

    def __post_init__(self) -> None:
        if not self.sources:
            raise ValueError("sources must not be empty")
        if not self.eviction_ttl_seconds > 0:
            raise ValueError("evictionTtlSeconds must be above 0")


class SessionParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of ``session-affinity-filter`` and ``session-affinity-scorer``."""

    strategy: Literal["encoded_endpoint_header", "session_id"] = "encoded_endpoint_header"
    """How a session's endpoint is known."""
    profile_name: str = ""
    """Which profile's pick counts; there is one pick per request."""
    encoded_endpoint_header_config: EncodedEndpointHeaderConfig = EncodedEndpointHeaderConfig()
    """Settings of that strategy."""
    session_id_config: SessionIdConfig = SessionIdConfig()
    """Settings of the other."""

    @property
    def token_header(self) -> str:
        """Header of tokens, lower case; empty where there are none."""
        encoded = self.strategy == "encoded_endpoint_header"
        return self.encoded_endpoint_header_config.header.lower() if encoded else ""


class Sessions:
    """Which endpoint a request's session belongs to."""

    def __init__(self, parameters: SessionParameters) -> None:
        self._parameters = parameters
        self._by_name: dict[str, str] = {}
        self._by_session: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def new_fleet(self, candidates: Sequence[Candidate]) -> None:
        """Names of endpoints, for tokens."""
        if self._parameters.strategy == "session_id":
            return
        self._by_name = {}
        for candidate in candidates:
            endpoint = candidate.endpoint
            self._by_name.setdefault(_full_name(endpoint), endpoint.address)
            self._by_name[_exact_name(endpoint)] = endpoint.address

    def address(self, request: PickRequest) -> str | None:
        """The endpoint of the request's session; None: it has no session, or its endpoint is not known."""
        if not request.headers:
            return None
        if self._parameters.strategy == "session_id":
            known = self._by_session.get(self._session_id(request))
            return known[0] if known else None
        token = request.headers.get(self._parameters.token_header)
        return self._by_name.get(decode_token(token)) if token else None

    def started(self, address: str, request: PickRequest, now: float) -> None:
        """A request of the session went to ``address``."""
        if self._parameters.strategy != "session_id":
            return
        sessions = self._by_session
        while sessions:
            oldest = next(iter(sessions))
            if sessions[oldest][1] > now and len(sessions) < MAX_SESSIONS:
                break
            del sessions[oldest]
        session = self._session_id(request)
        if session:
            sessions[session] = (address, now + self._parameters.session_id_config.eviction_ttl_seconds)
            sessions.move_to_end(session)

    def _session_id(self, request: PickRequest) -> str:
        headers = request.headers or {}
        for source in self._parameters.session_id_config.sources:
            value = headers.get(source.header.lower())
            if value:
                return value[:_ID_KEPT]
        return ""


def session_token(endpoint: Endpoint) -> str:
    """The token for an answer of ``endpoint``: base64 of ``namespace/name:port``.

    Elsewhere it is base64 of ``namespace/name``, which is read too; the port tells endpoints of one Pod apart.
    """
    return base64.b64encode(_exact_name(endpoint).encode()).decode()


def decode_token(token: str) -> str:
    """The name in a token; empty where it is not one."""
    try:
        return base64.b64decode(token, validate=True).decode()
    except ValueError:
        return ""


def _full_name(endpoint: Endpoint) -> str:
    return f"{endpoint.namespace}/{endpoint.name or endpoint.host}"


def _exact_name(endpoint: Endpoint) -> str:
    return f"{_full_name(endpoint)}:{endpoint.port}"
