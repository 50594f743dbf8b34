"""CORS: answers preflight requests and marks responses for other origins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelyard.routing.filters.headers import Headers
from modelyard.routing.filters.origins import OriginSet

_OWNED = frozenset(
    {
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "access-control-expose-headers",
    }
)
"""Response fields that the filter decides; the backend's own are dropped, since two policies contradict."""


@dataclass(slots=True, frozen=True, eq=False)
class Cors:
    """The CORS policy of a rule (Gateway API HTTPCORSFilter)."""

    origins: OriginSet
    methods: tuple[str, ...] = ()
    """``("*",)``: every method."""
    headers: tuple[str, ...] = ()
    """``("*",)``: every header."""
    expose: tuple[str, ...] = ()
    credentials: bool = False
    max_age: int = 5
    """Seconds that a client may keep the preflight's answer; the specification's default is 5."""
    _actual: Headers = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_actual", self._fixed_fields())

    def _fixed_fields(self) -> Headers:
        fields: Headers = []
        if self.credentials:
            fields.append(("access-control-allow-credentials", "true"))
        exposed = [name for name in self.expose if name != "*" or not self.credentials]
        if exposed:
            fields.append(("access-control-expose-headers", ", ".join(exposed)))
        return fields

    def preflight(self, method: str, request: Mapping[str, str]) -> Headers | None:
        """Fields of the 204 answer to a preflight; None: not a preflight, forward it.

        ``request`` maps lower-case header names to values. An origin that is not allowed gets no CORS field.
        """
        if method != "OPTIONS":
            return None
        origin = request.get("origin")
        asked_method = request.get("access-control-request-method")
        if origin is None or asked_method is None:
            return None
        if not self.origins.allows(origin):
            return [("vary", "Origin")]
        answer = self._origin_fields(origin)
        answer += _allowed("access-control-allow-methods", self.methods, asked_method)
        asked_headers = request.get("access-control-request-headers")
        answer += _allowed("access-control-allow-headers", self.headers, asked_headers)
        answer.append(("access-control-max-age", str(self.max_age)))
        return answer

    def apply(self, origin: str | None, response: Headers) -> Headers:
        """The response's fields as a new list, with the CORS fields for a request from ``origin``."""
        kept = [item for item in response if item[0] not in _OWNED]
        if origin is not None and self.origins.allows(origin):
            kept += self._origin_fields(origin)
        else:
            kept.append(("vary", "Origin"))
        return kept

    def _origin_fields(self, origin: str) -> Headers:
        return [("access-control-allow-origin", origin), ("vary", "Origin"), *self._actual]


def _allowed(name: str, configured: tuple[str, ...], asked: str | None) -> Headers:
    if "*" in configured:
        return [(name, asked)] if asked else []
    return [(name, ", ".join(configured))] if configured else []
