"""One client's connection: takes requests apart, one at a time, and hands each to an ``ExchangeRelay``.

Phases: ``HEAD`` (between requests, or a head is coming) → ``BUSY`` (a relay is at work) ⇄ ``BODY`` (the relay asked
for the body, which is coming) → ``HEAD`` again, or ``LINGER`` (the answer is out, the rest of the request is
dropped) → ``CLOSED``. An upgraded connection is in ``TUNNEL`` to its end.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from modelyard.exchange.commands import Respond
from modelyard.exchange.contract import ClientFacts
from modelyard.exchange.record import ExchangeRecord
from modelyard.http1.message_heads import RequestHead
from modelyard.http1.request_parsing import MalformedRequest, parse_request_head
from modelyard.proxy import own_answers
from modelyard.proxy.body_intake import BODY, BUSY, CLOSED, HEAD, LINGER, TUNNEL, BodyIntake
from modelyard.proxy.exchange_relay import ExchangeRelay
from modelyard.proxy.head_arrival import fault_in_part
from modelyard.proxy.tcp_reset import reset
from modelyard.proxy.untaken import untaken
from modelyard.worker.timing_wheel import OFF

if TYPE_CHECKING:
    from modelyard.proxy.data_plane import DataPlane
    from modelyard.proxy.listening_place import ListeningPlace

log = logging.getLogger(__name__)


class ClientConnection(BodyIntake):
    """An asyncio protocol and an entry of the timing wheel."""

    __slots__ = ("_searched", "_untaken", "facts", "place", "write_paused")

    def __init__(self, plane: DataPlane, place: ListeningPlace) -> None:
        BodyIntake.__init__(self, plane)
        self.place = place
        self.facts = ClientFacts(place.group, "")
        self.write_paused = False
        self._searched = 0
        """Bytes of a partial head in which its end is not."""
        self._untaken = 0
        """What the client had not taken when that was last looked at; -1: not yet."""

    # -- what the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        limits = self.plane.limits
        self.transport.set_write_buffer_limits(limits.write_high_water)
        self.facts = self.plane.client_facts(self.place.group, self.transport)
        if not self.plane.admit(self):
            self._last_answer(own_answers.too_many_connections())
            return
        self.set_due(time.monotonic() + limits.keep_alive_idle)

    def data_received(self, data: bytes) -> None:
        phase = self._phase
        if phase == HEAD:
            self._take_head(data)
        elif phase == BODY:
            self._take_body(data)
        elif phase < LINGER:
            self._pending += data
            if len(self._pending) > self.plane.limits.max_pipelined:
                self.pause_reading()

    def eof_received(self) -> None:
        """The client closed, or closed its sending half: both mean that it is gone, as for every HTTP/1.1 peer that
        cancels work for clients that leave (the two cannot be told apart)."""
        self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        self._phase = CLOSED
        self.due = OFF
        self._pending = b""
        self._decoder = self._collected = None
        self.release_body()
        self.plane.dismiss(self)

    def pause_writing(self) -> None:
        self.write_paused = True
        if self.relay is not None:
            self.relay.client_full()
        self._expect_taking()

    def _expect_taking(self) -> None:
        """Start the clock of what is written: the client must take some of it within ``client_stall``."""
        self._untaken = untaken(self.transport)
        self.set_due(time.monotonic() + self.plane.limits.client_stall)

    def resume_writing(self) -> None:
        self.write_paused = False
        if self.relay is not None:
            self.relay.client_writable()
        elif self._phase == BUSY:
            self._await_request()

    # -- requests

    def _take_head(self, data: bytes) -> None:
        searched = self._searched
        if self._pending:
            data = self._pending + data
            self._pending = b""
        end = data.find(b"\r\n\r\n", searched) + 4
        if data[0] == 13 and data[:2] == b"\r\n":
            self._skip_empty_lines(data)
        elif end < 4 or end > self.plane.limits.max_request_head:
            self._take_part_of_head(data, searched)
        else:
            try:
                head = parse_request_head(data[:end])
            except MalformedRequest as fault:
                self._refuse(fault)
                return
            self._searched = 0
            if len(data) > end:
                self._pending = data[end:]
            self._begin(head)

    def _skip_empty_lines(self, data: bytes) -> None:
        """Empty lines before a request are allowed (RFC 9112 section 2.2)."""
        at = 0
        while data.startswith(b"\r\n", at):
            at += 2
        if at < len(data):
            self._take_head(data[at:])

    def _take_part_of_head(self, data: bytes, searched: int) -> None:
        fault = fault_in_part(data, self.plane.limits.max_request_head)
        if fault is not None:
            self._refuse(fault)
            return
        self._pending = data
        self._searched = max(0, len(data) - 3)
        if not searched:
            self.set_due(time.monotonic() + self.plane.limits.header_timeout)

    def _begin(self, head: RequestHead) -> None:
        self._phase = BUSY
        now = time.monotonic()
        place = self.place
        if place.group is not self.facts.listener:
            self.facts = replace(self.facts, listener=place.group)
        if not place.open:
            head.keep_alive = False
        try:
            exchange = self.plane.gateway.open(head, self.facts, now)
            self.relay = relay = ExchangeRelay(self, head, exchange)
            relay.perform(exchange.on_head(now))
        except Exception:
            log.exception("an exchange failed to start")
            self._fail()

    def _refuse(self, fault: MalformedRequest) -> None:
        record = ExchangeRecord(listener=self.place.group, status=fault.status, reason="malformed_request")
        self.plane.record_sink(record)
        self._last_answer(own_answers.malformed(fault.status, fault.message))

    def _last_answer(self, respond: Respond) -> None:
        """Answer without a relay, then end the connection."""
        self.transport.write(own_answers.answer(respond, None, close=True))
        self.linger()

    def _fail(self) -> None:
        if self.relay is None:
            self._last_answer(own_answers.internal_error())
        else:
            self.relay.fail()

    # -- the end of an exchange

    def exchange_ended(self, keep_alive: bool, unread: bool) -> None:
        """The relay is done and the answer is written. ``unread``: part of the request was not read."""
        self.relay = None
        self._decoder = None
        phase = self._phase
        plane = self.plane
        if phase == BUSY and keep_alive and not unread and not plane.draining:
            plane.wheel.set(self, plane.wheel.now + plane.limits.keep_alive_idle)
            if self._pending or self.read_paused or self.write_paused:
                plane.loop.call_soon(self._await_request)
            else:
                self._phase = HEAD
        elif phase < LINGER:
            self._collected = None
            if unread or phase == BODY or self._pending or self.read_paused:
                self.linger()
            else:
                self.close()

    def _await_request(self) -> None:
        """Go on with what came early, unless the client does not take its answers."""
        if self._phase != BUSY or self.relay is not None:
            return
        if self.write_paused:
            self.pause_reading()
            self._expect_taking()
            return
        self._phase = HEAD
        pending, self._pending = self._pending, b""
        self.set_due(time.monotonic() + self.plane.limits.keep_alive_idle)
        if pending:
            self._take_head(pending)
        if len(self._pending) <= self.plane.limits.max_pipelined:
            self.resume_reading()

    # -- the end of the connection

    def close(self) -> None:
        """Close when what is written has gone out, at the latest when the client takes nothing for long."""
        self._phase = LINGER
        self._untaken = -1
        self.set_due(time.monotonic() + self.plane.limits.client_stall)
        self.transport.close()

    def linger(self) -> None:
        """Close, but read and drop the rest of the request for a while, so that the answer is not lost to a reset."""
        self._phase = LINGER
        self._pending = b""
        self.set_due(time.monotonic() + self.plane.limits.linger)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.resume_reading()

    def cut(self) -> None:
        """End the connection with a reset, which a client cannot take for a normal end."""
        self._phase = LINGER
        reset(self.transport)

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
        self.due = OFF
        pending, self._pending = self._pending, b""
        self.resume_reading()
        return pending

    def tunnel_lost(self, exc: Exception | None) -> None:
        """The tunnel's connection to the client is gone."""
        self._phase = CLOSED
        self.due = OFF
        self.plane.dismiss(self)

    def _leave(self) -> None:
        relay = self.relay
        if relay is not None:
            self.relay = None
            relay.client_gone()

    # -- time

    def on_due(self, now: float) -> None:
        relay = self.relay
        phase = self._phase
        if relay is not None and now >= relay.deadline:
            relay.deadline_passed()
        elif phase == HEAD:
            self._waited_too_long()
        elif self.transport.is_closing() if phase == LINGER else self.write_paused:
            self._look_at_taking()
        elif relay is None:
            self.transport.abort()
        elif phase == BODY and not self.read_paused:
            relay.body_too_slow()
        else:
            relay.on_due(now)

    def _look_at_taking(self) -> None:
        before = self._untaken
        self._expect_taking()
        if self._untaken == before:
            self.transport.abort()

    def _waited_too_long(self) -> None:
        if self._pending:
            self._last_answer(own_answers.head_timeout(self.plane.limits.header_timeout))
        else:
            self.close()
