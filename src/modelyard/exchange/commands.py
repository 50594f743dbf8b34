"""What an Exchange asks its shell to do. A shell performs exactly one command at a time and reports what came of it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from modelyard.http1.message_heads import Headers


class ReadBody(msgspec.Struct, eq=False):
    """Collect the whole request body (the route depends on it), then call ``Exchange.on_body``."""

    limit: int
    """Largest body in bytes; above it call ``Exchange.on_body_too_large``."""


class Respond(msgspec.Struct, eq=False):
    """Answer the client without asking any endpoint."""

    status: int
    headers: Headers
    """Without framing fields: the shell adds Content-Length, Date and Connection."""
    body: bytes = b""
    close: bool = False
    """Close the client's connection after the answer."""
    reason: str = ""
    """Stable name of an error, as in its ``code``; for the record."""


class Mirror(msgspec.Struct, eq=False):
    """A copy of the request for another endpoint, whose answer is thrown away (Gateway API RequestMirror)."""

    address: str
    head: bytes


class Forward(msgspec.Struct, eq=False):
    """Send the request to one endpoint and pass its answer to the client through the Exchange."""

    address: str
    """``ip:port``."""
    head: bytes
    """The whole request head as it goes on the wire, framing fields and final CRLF included."""
    body: bytes | None
    """The whole body where it was read; None: stream the client's body (framed as ``chunked`` says)."""
    chunked: bool
    """The streamed body goes out in chunked coding; otherwise as the Content-Length in ``head`` says."""
    connect_timeout: float
    """Seconds until the connection must stand; then ``on_upstream_failure("connect_timeout")``."""
    attempt_timeout: float
    """Seconds from the first byte sent until the whole answer must be here (``backendRequest`` in Gateway API's
    ``HTTPRouteTimeouts``); 0: no limit. Before the client has a byte, what follows is
    ``on_upstream_failure("head_timeout")``; after that the answer is cut."""
    deadline: float
    """Monotonic time at which the whole exchange ends (request timeout); 0: none."""
    upgrade: bool = False
    """After a 101 the connection is a tunnel of raw bytes both ways."""
    mirrors: tuple[Mirror, ...] = ()


class Picked(msgspec.Struct, eq=False):
    """Of a request that another gateway carries: where it goes, and what must change of it."""

    targets: str
    """``ip:port,ip:port,…`` in the order in which they are to be tried. Empty: none is named, because the proxy was
    told them before, or because none was picked."""
    body: bytes | None
    """The body with another model's name; None: as it came."""
    set_headers: Headers
    remove_headers: list[str]
    scores: Mapping[str, float] | None = None
    """Of every endpoint that could have been picked, by address: the sum of what the policies gave it, times their
    weights. None: not asked for."""


class Wait(msgspec.Struct, eq=False):
    """The request is queued. The shell keeps the client's connection and waits until the Gateway calls
    ``resume`` (set by the shell) with the next command, or the client goes away (``Exchange.on_end``)."""

    ticket: int
    deadline: float = 0.0
    """Monotonic time at which the whole exchange ends (request timeout); 0: none."""


Command = ReadBody | Respond | Forward | Wait
