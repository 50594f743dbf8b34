"""One client's connection: takes requests apart, one at a time, and hands each to an ``ExchangeRelay``.

Phases: ``HEAD`` (between requests, or a head is coming) → ``BUSY`` (a relay is at work) ⇄ ``BODY`` (the relay
asked for the body, which is coming) → ``HEAD`` again, or ``LINGER`` (the answer is out, the rest of the
request is dropped) → ``CLOSED``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from math import inf
from typing import TYPE_CHECKING, cast

from modelyard.exchange.commands import Respond
from modelyard.exchange.contract import ClientFacts
from modelyard.exchange.record import ExchangeRecord
from modelyard.http1.body_framing import BodyDecoder, request_decoder
from modelyard.http1.chunked_coding import MalformedChunk
from modelyard.http1.message_heads import RequestHead
from modelyard.http1.request_parsing import MalformedRequest, parse_request_head
from modelyard.http1.serialising import CONTINUE
from modelyard.proxy import head_arrival, own_answers
from modelyard.proxy.exchange_relay import ExchangeRelay

if TYPE_CHECKING:
    from modelyard.proxy.data_plane import DataPlane

log = logging.getLogger(__name__)

HEAD, BUSY, BODY, LINGER, TUNNEL, CLOSED = range(6)


class ClientConnection(asyncio.Protocol):
    """An asyncio protocol and an entry of the timing wheel."""

    __slots__ = (
        "_collected",
        "_decoder",
        "_limit",
        "_pending",
        "_phase",
        "_size",
        "_started",
        "due",
        "facts",
        "listener",
        "plane",
        "read_paused",
        "relay",
        "tick",
        "transport",
        "write_paused",
    )

    def __init__(self, plane: DataPlane, listener: str) -> None:
        self.plane = plane
        self.listener = listener
        self.facts = ClientFacts(listener, "")
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.relay: ExchangeRelay | None = None
        self.due = inf
        self.tick = 0
        self.read_paused = False
        self.write_paused = False
        self._phase = HEAD
        self._pending = b""
        """Bytes that came and were not used yet: a partial head, a body nobody asked for, the next
        request.
        """
        self._decoder: BodyDecoder | None = None
        self._collected: list[bytes] | None = None
        self._size = 0
        self._limit = 0
        self._started = 0.0

    # -- what the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        limits = self.plane.limits
        self.transport.set_write_buffer_limits(limits.write_high_water)
        self.facts = self.plane.client_facts(self.listener, self.transport)
        if not self.plane.admit(self):
            self._last_answer(own_answers.too_many_connections())
            return
        self.set_due(time.monotonic() + limits.keep_alive_idle)

    def data_received(self, data: bytes) -> None:
        phase = self._phase
        if phase == HEAD and not self.write_paused:
            self._take_head(data)
        elif phase == BODY:
            self._take_body(data)
        elif phase < LINGER:
            self._pending += data
            if len(self._pending) > self.plane.limits.max_pipelined:
                self.pause_reading()

    def eof_received(self) -> None:
        """The client closed, or closed its sending half: both mean that it is gone, as for every HTTP/1.1
        peer that cancels work for clients that leave (the two cannot be told apart)."""
        self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        self._phase = CLOSED
        self.due = inf
        self._pending = b""
        self._decoder = self._collected = None
        self.plane.dismiss(self)

    def pause_writing(self) -> None:
        self.write_paused = True
        if self.relay is not None:
            self.relay.client_full()
        self.set_due(time.monotonic() + self.plane.limits.client_stall)

    def resume_writing(self) -> None:
        self.write_paused = False
        if self.relay is not None:
            self.relay.client_writable()
        elif self._phase == HEAD:
            self._await_request()

    # -- requests

    def _take_head(self, data: bytes) -> None:
        searched = len(self._pending)
        if searched:
            data = self._pending + data
            self._pending = b""
        end = data.find(b"\r\n\r\n", max(0, searched - 3)) + 4
        if data[:2] == b"\r\n":
            self._skip_empty_lines(data)
        elif end < 4 or end > self.plane.limits.max_request_head:
            self._take_part_of_head(data, searched)
        else:
            try:
                head = parse_request_head(data[:end])
            except MalformedRequest as fault:
                self._refuse(fault)
                return
            if len(data) > end:
                self._pending = data[end:]
            self._begin(head)

    def _skip_empty_lines(self, data: bytes) -> None:
        """Empty lines before a request are allowed (RFC 9112 section 2.2)."""
        rest = data
        while rest[:2] == b"\r\n":
            rest = rest[2:]
        if rest:
            self._take_head(rest)

    def _take_part_of_head(self, data: bytes, searched: int) -> None:
        fault = head_arrival.fault_in_part(data, self.plane.limits.max_request_head)
        if fault is not None:
            self._refuse(fault)
            return
        self._pending = data
        if not searched:
            self.set_due(time.monotonic() + self.plane.limits.header_timeout)

    def _begin(self, head: RequestHead) -> None:
        self._phase = BUSY
        now = time.monotonic()
        try:
            exchange = self.plane.gateway.open(head, self.facts, now)
            self.relay = relay = ExchangeRelay(self, head, exchange)
            relay.perform(exchange.on_head(now))
        except Exception:
            log.exception("an exchange failed to start")
            self._fail()

    def _refuse(self, fault: MalformedRequest) -> None:
        record = ExchangeRecord(listener=self.listener, status=fault.status, reason="malformed-request")
        self.plane.record_sink(record)
        self._last_answer(own_answers.malformed(fault.status, fault.message))

    def _last_answer(self, respond: Respond) -> None:
        """Answer without a relay, then end the connection."""
        self.transport.write(own_answers.answer(respond, None, close=True))
        self.linger()

    def _fail(self) -> None:
        relay = self.relay
        if relay is None:
            self._last_answer(own_answers.internal_error())
        else:
            relay.fail()

    # -- bodies, as the relay asks for them

    def collect_body(self, head: RequestHead, limit: int) -> None:
        """Read the whole body, then call ``relay.body_collected``, or ``relay.body_too_large`` above
        ``limit``.
        """
        relay = cast("ExchangeRelay", self.relay)
        length = head.content_length
        if length is None and not head.chunked:
            relay.body_collected(b"")
        elif length is not None and length > limit:
            relay.body_too_large()
        elif length is not None and len(self._pending) >= length:
            body, self._pending = self._pending[:length], self._pending[length:]
            relay.body_collected(body)
        else:
            self._collected = []
            self._limit = limit
            self._read_body(head)

    def stream_body(self, head: RequestHead) -> None:
        """Pass the body piece by piece to ``relay.body_piece``."""
        self._collected = None
        self._limit = self.plane.limits.max_body
        self._read_body(head)

    def body_unread(self, head: RequestHead) -> bool:
        """Whether part of the request's body is still to come; what is here whole is dropped."""
        if self._phase == BODY:
            return True
        if self._decoder is not None or not head.has_body:
            return False
        length = head.content_length
        if length is None or len(self._pending) < length:
            return True
        self._pending = self._pending[length:]
        return False

    def _read_body(self, head: RequestHead) -> None:
        self._phase = BODY
        self._size = 0
        self._decoder = request_decoder(head)
        if head.expect_continue and not self._pending:
            self.transport.write(CONTINUE)
        self._expect_body()
        pending, self._pending = self._pending, b""
        if pending or self._decoder.done:
            self._take_body(pending)
        self.resume_reading()

    def _expect_body(self) -> None:
        """Start the clock of a body: it may pause for ``body_idle``, and must keep ``body_min_rate`` from
        now on.
        """
        limits = self.plane.limits
        now = time.monotonic()
        self._started = now - self._size / limits.body_min_rate
        self.set_due(now + limits.body_idle)

    def _take_body(self, data: bytes) -> None:
        decoder = cast("BodyDecoder", self._decoder)
        try:
            payload = decoder.feed(data)
        except MalformedChunk as fault:
            cast("ExchangeRelay", self.relay).body_malformed(str(fault))
            return
        self._size += len(payload)
        if self._size > self._limit:
            cast("ExchangeRelay", self.relay).body_too_large()
            return
        limits = self.plane.limits
        now = self.plane.wheel.now
        self.due = min(
            now + limits.body_idle, self._started + limits.body_idle + self._size / limits.body_min_rate
        )
        done = decoder.done
        if done:
            self._phase = BUSY
            self._pending = decoder.rest
        self._pass_body(payload, done)

    def _pass_body(self, payload: bytes, done: bool) -> None:
        relay = cast("ExchangeRelay", self.relay)
        if self._collected is None:
            relay.body_piece(payload, done)
            return
        self._collected.append(payload)
        if done:
            body = b"".join(self._collected)
            self._collected = None
            try:
                relay.body_collected(body)
            except Exception:
                log.exception("an exchange failed on a body")
                self._fail()

    def pause_body(self) -> None:
        """The endpoint takes no more for now; its time counts, not the client's."""
        if self._phase == BODY:
            self.pause_reading()
            self.set_due(time.monotonic() + self.plane.limits.upstream_stall)

    def resume_body(self) -> None:
        if self._phase == BODY:
            self._expect_body()
            self.resume_reading()

    # -- the end of an exchange, and of the connection

    def exchange_ended(self, keep_alive: bool, unread: bool) -> None:
        """The relay is done and the answer is written. ``unread``: part of the request was not read."""
        self.relay = None
        unread = unread or self._phase == BODY
        self._decoder = None
        self._collected = None
        if self._phase >= LINGER:
            return
        if keep_alive and not unread:
            self._phase = HEAD
            if self._pending or self.read_paused or self.write_paused:
                self.plane.loop.call_soon(self._await_request)
            self.set_due(time.monotonic() + self.plane.limits.keep_alive_idle)
        elif unread or self._pending or self.read_paused:
            self.linger()
        else:
            self.close()

    def _await_request(self) -> None:
        if self._phase != HEAD or self.relay is not None:
            return
        if self.write_paused:
            self.pause_reading()
            return
        self.resume_reading()
        pending, self._pending = self._pending, b""
        self.set_due(time.monotonic() + self.plane.limits.keep_alive_idle)
        if pending:
            self._take_head(pending)

    def close(self) -> None:
        """Close when what is written has gone out, at the latest when the client takes nothing for long."""
        self._phase = LINGER
        self.set_due(time.monotonic() + self.plane.limits.client_stall)
        self.transport.close()

    def linger(self) -> None:
        """Close, but read and drop the rest of the request for a while, so that the answer is not lost to a
        reset.
        """
        self._phase = LINGER
        self._pending = b""
        self.set_due(time.monotonic() + self.plane.limits.linger)
        if not self.transport.can_write_eof():
            self.resume_reading()
            return
        self.transport.write_eof()
        self.resume_reading()

    def cut(self) -> None:
        """End the connection in the way that a client cannot take for a normal end."""
        self._phase = LINGER
        self.transport.abort()

    def drain(self) -> None:
        """The worker is stopping: leave where no request is under way."""
        if self._phase == HEAD and not self._pending:
            self.close()

    def shut_down(self) -> None:
        """The drain's deadline has passed."""
        if self.relay is not None and self._phase != TUNNEL:
            self.relay.shut_down()
        self.transport.abort()

    def take_over(self) -> bytes:
        """Give the transport to a tunnel; what came early is returned."""
        self._phase = TUNNEL
        self.due = inf
        pending, self._pending = self._pending, b""
        return pending

    def tunnel_lost(self, exc: Exception | None) -> None:
        """The tunnel's connection to the client is gone."""
        self._phase = CLOSED
        self.plane.dismiss(self)

    def _leave(self) -> None:
        relay = self.relay
        if relay is not None:
            self.relay = None
            relay.client_gone()

    # -- time and flow

    def set_due(self, due: float) -> None:
        relay = self.relay
        if relay is not None and relay.deadline < due:
            due = relay.deadline
        self.plane.wheel.set(self, due)

    def on_due(self, now: float) -> None:
        relay = self.relay
        if relay is not None and now >= relay.deadline:
            relay.deadline_passed()
        elif self._phase == HEAD and self._pending and not self.write_paused:
            self._last_answer(own_answers.head_timeout(self.plane.limits.header_timeout))
        elif self._phase == HEAD and not self.write_paused:
            self.close()
        elif self.write_paused or relay is None:
            self.transport.abort()
        elif self._phase == BODY and not self.read_paused:
            relay.body_too_slow()
        else:
            relay.on_due(now)

    def pause_reading(self) -> None:
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
