"""Heads of HTTP/1.1 messages as values. Header names are lower case; text is latin-1, byte for byte what the
wire had.
"""

from __future__ import annotations

from typing import Any

import msgspec

Headers = list[tuple[str, str]]
"""Header fields in order: (lower-case name, value without surrounding white space)."""


class RequestHead(msgspec.Struct, eq=False):
    """A request line with its fields, already checked against RFC 9112 (see ``request_parsing``)."""

    method: str
    target: str
    """Request target as sent, in origin form (an absolute form is reduced to it)."""
    path: str
    """``target`` up to the first ``?``; not decoded."""
    query: str
    """``target`` after the first ``?``; empty where there is none."""
    minor_version: int
    """1 for HTTP/1.1, 0 for HTTP/1.0."""
    host: str
    """Host without port, lower case, no trailing dot; empty for HTTP/1.0 without Host."""
    authority: str
    """Host header as sent (with port)."""
    headers: Headers
    by_name: dict[str, str]
    """First value of each field; all values of lists that are read here (Connection, Content-Encoding, TE and
    X-Forwarded-For)."""
    content_length: int | None = None
    """None: no Content-Length."""
    chunked: bool = False
    keep_alive: bool = True
    """What the client asked for (RFC 9112 section 9.3)."""
    expect_continue: bool = False
    upgrade: str = ""
    """Lower-case protocol of an Upgrade request (``websocket``), else empty."""
    shared: dict[str, Any] = msgspec.field(default_factory=dict)
    """For values derived from the head and from nothing else but its Content-Length: what one request puts here, every
    later one with the same bytes (but for the length) finds. Bounded with the table of remembered heads."""

    @property
    def has_body(self) -> bool:
        return self.chunked or bool(self.content_length)


class ResponseHead(msgspec.Struct, eq=False):
    """A status line with its fields."""

    status: int
    reason: str
    headers: Headers
    minor_version: int = 1
    content_length: int | None = None
    chunked: bool = False
    keep_alive: bool = True
    by_name: dict[str, str] = msgspec.field(default_factory=dict)
