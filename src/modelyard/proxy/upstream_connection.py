"""One connection to an endpoint: sends one request at a time and takes its answer apart."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol, cast

from modelyard.exchange.contract import FailureKind
from modelyard.http1.body_framing import BodyDecoder, UntilCloseDecoder, response_decoder
from modelyard.http1.chunked_coding import MalformedChunk
from modelyard.http1.message_heads import Headers, ResponseHead
from modelyard.http1.response_parsing import MalformedResponse, has_no_body, parse_response_head

if TYPE_CHECKING:
    from modelyard.proxy.upstream_pool import EndpointPool

MAX_INTERIM = 8
"""Interim (1xx) answers before the final one; more is a bad response."""

_NO_TRAILERS: Final[Headers] = []


class UpstreamUser(Protocol):
    """Who sent the request on a connection. At most one of ``upstream_end`` and ``upstream_lost`` comes, and last."""

    connecting: asyncio.Task[None] | None
    """The connection attempt under way, set by the pool."""

    def upstream_ready(self, connection: UpstreamConnection) -> None: ...
    def upstream_unreachable(self, kind: FailureKind) -> None: ...
    def upstream_interim(self, head: ResponseHead) -> None: ...
    def upstream_head(self, connection: UpstreamConnection, head: ResponseHead) -> None: ...
    def upstream_flush(self) -> None:
        """The head came alone: what waits should go out."""
        ...

    def upstream_data(self, payload: bytes, raw: bytes | None, last: bool) -> None:
        """``raw``: the same payload as whole chunks, where it came so. ``last``: ``upstream_end`` follows at once."""
        ...

    def upstream_end(self, trailers: Headers) -> None: ...
    def upstream_lost(self, connection: UpstreamConnection, kind: FailureKind) -> None: ...
    def upstream_switched(self, connection: UpstreamConnection, head: ResponseHead, rest: bytes) -> None: ...
    def upstream_full(self) -> None: ...
    def upstream_writable(self) -> None: ...


class UpstreamConnection(asyncio.Protocol):
    """An asyncio protocol; idle in its pool whenever it has no user."""

    __slots__ = (
        "_decoder",
        "_interim",
        "_keep_alive",
        "_method",
        "_pending",
        "_upgrade",
        "closed",
        "idle_since",
        "pool",
        "read_paused",
        "request_done",
        "responded",
        "reused",
        "transport",
        "user",
        "write_paused",
    )

    def __init__(self, pool: EndpointPool) -> None:
        self.pool = pool
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.user: UpstreamUser | None = None
        self.reused = False
        """It carried a request before: the endpoint may have closed it without our knowing."""
        self.responded = False
        """A byte of the current answer is here."""
        self.request_done = True
        """The current request is sent whole; set by the user."""
        self.idle_since = 0.0
        self.closed = False
        self.read_paused = False
        self.write_paused = False
        self._method = ""
        self._upgrade = False
        self._pending = b""
        self._interim = 0
        self._keep_alive = False
        self._decoder: BodyDecoder | None = None

    def send(self, user: UpstreamUser, method: str, data: bytes, whole: bool, upgrade: bool) -> None:
        """Begin a request. ``whole``: ``data`` is all of it; otherwise the user goes on with ``write``."""
        self.user = user
        self.responded = False
        self.request_done = whole
        self._method = method
        self._upgrade = upgrade
        self._interim = 0
        if not self.closed:
            self.transport.write(data)

    def write(self, data: bytes) -> None:
        if not self.closed:
            self.transport.write(data)

    def cancel(self) -> None:
        """Drop the current request: the connection ends at once, so the endpoint stops working for it."""
        self.user = None
        if not self.closed:
            self.transport.abort()

    def pause_reading(self) -> None:
        if not self.closed and not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self.read_paused:
            self.read_paused = False
            if not self.closed:
                self.transport.resume_reading()

    @property
    def half_a_head(self) -> bool:
        """Part of an answer's head came, and its end did not."""
        return bool(self._pending)

    # -- what the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(self.pool.limits.write_high_water)

    def data_received(self, data: bytes) -> None:
        user = self.user
        decoder = self._decoder
        if user is None:
            self.transport.abort()
        elif decoder is None:
            self._take_head(user, data)
        else:
            self._take_body(user, decoder, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self.pool.forget(self)
        user = self.user
        if user is None:
            return
        self.user = None
        if exc is None and self._decoder.__class__ is UntilCloseDecoder:
            user.upstream_end(_NO_TRAILERS)
        else:
            user.upstream_lost(self, "reset")

    def pause_writing(self) -> None:
        self.write_paused = True
        if self.user is not None:
            self.user.upstream_full()

    def resume_writing(self) -> None:
        self.write_paused = False
        if self.user is not None:
            self.user.upstream_writable()

    # -- the answer

    def _take_head(self, user: UpstreamUser, data: bytes) -> None:
        self.responded = True
        if self._pending:
            data = self._pending + data
            self._pending = b""
        end = data.find(b"\r\n\r\n") + 4
        if end < 4 or end > self.pool.limits.max_response_head:
            self._take_part_of_head(data)
            return
        try:
            head = parse_response_head(data[:end])
        except MalformedResponse:
            self._fail("bad_response")
            return
        if head.status < 200:
            self._take_interim(user, head, data[end:])
            return
        self._keep_alive = head.keep_alive
        length = head.content_length
        chunked = head.chunked
        status = head.status
        user.upstream_head(self, head)
        if self.user is not user:
            return
        if length and length == len(data) - end and not has_no_body(self._method, status):
            user.upstream_data(data[end:], None, True)
            self._finish(user, _NO_TRAILERS, False)
            return
        self._decoder = decoder = response_decoder(self._method, status, chunked, length)
        if len(data) > end or decoder.done:
            self._take_body(user, decoder, data[end:])
        else:
            user.upstream_flush()

    def _take_part_of_head(self, data: bytes) -> None:
        if len(data) > self.pool.limits.max_response_head:
            self._fail("bad_response")
        else:
            self._pending = data

    def _take_interim(self, user: UpstreamUser, head: ResponseHead, rest: bytes) -> None:
        self._interim += 1
        if head.status == 101 and self._upgrade:
            self.user = None
            user.upstream_switched(self, head, rest)
            return
        if head.status == 101 or self._interim > MAX_INTERIM:
            self._fail("bad_response")
            return
        if head.status != 100:
            user.upstream_interim(head)
        if rest and self.user is user:
            self._take_head(user, rest)

    def _take_body(self, user: UpstreamUser, decoder: BodyDecoder, data: bytes) -> None:
        if decoder.done:
            self._finish(user, _NO_TRAILERS, bool(data))
            return
        try:
            payload = decoder.feed(data)
        except MalformedChunk:
            self._fail("bad_response")
            return
        done = decoder.done
        if payload:
            user.upstream_data(payload, data if decoder.aligned else None, done)
        if done and self.user is user:
            self._finish(user, decoder.trailers, bool(decoder.rest))

    def _finish(self, user: UpstreamUser, trailers: Headers, more: bool) -> None:
        """The answer is whole. ``more``: bytes follow that nobody asked for; the connection is not used again."""
        self.user = None
        self._decoder = None
        if self._keep_alive and self.request_done and not more and not self.closed:
            if self.read_paused:
                self.resume_reading()
            self.pool.release(self)
        elif not self.closed:
            self.transport.abort()
        user.upstream_end(trailers)

    def _fail(self, kind: FailureKind) -> None:
        user = self.user
        self.user = None
        self.transport.abort()
        if user is not None:
            user.upstream_lost(self, kind)
