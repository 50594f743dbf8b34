"""One exchange on its way between a client's connection and an endpoint's: performs what the Exchange commands.

Phases: ``DECIDING`` (reading a body, waiting in the queue, or between attempts) → ``CONNECTING`` → ``SENT`` (no
response byte passed on yet; another endpoint may be tried) → perhaps ``HELD`` (as before, but the head is here and
waits for the first byte of the body) → ``ANSWERING`` (the client has the head; no way back) → ``ENDED``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from modelyard.exchange.commands import Respond
from modelyard.exchange.contract import ExchangeContract, Outcome
from modelyard.http1.chunked_coding import encode_chunk, encode_end
from modelyard.http1.header_fields import has_token
from modelyard.http1.message_heads import Headers, RequestHead, ResponseHead
from modelyard.http1.serialising import UnsendableHead, response_head
from modelyard.proxy import own_answers
from modelyard.proxy.client_framing import CHUNKED, NO_BODY, UNTIL_CLOSE, frame_answer, framing_lines
from modelyard.proxy.request_forwarding import (
    ANSWERING,
    CONNECTING,
    DECIDING,
    ENDED,
    HELD,
    SENT,
    RequestForwarding,
)
from modelyard.proxy.tunnel import open_tunnel
from modelyard.proxy.upstream_connection import UpstreamConnection
from modelyard.worker.timing_wheel import FAR

if TYPE_CHECKING:
    from modelyard.proxy.client_connection import ClientConnection


class ExchangeRelay(RequestForwarding):
    """Performs commands and reports what came of them (see ``exchange.contract``)."""

    __slots__ = ("_answered", "_begun", "_framing", "_keep_alive", "_out", "_seen", "response_bytes")

    def __init__(self, client: ClientConnection, request: RequestHead, exchange: ExchangeContract) -> None:
        RequestForwarding.__init__(self, client, request, exchange)
        self.response_bytes = 0
        self._answered: Respond | None = None
        """The answer that no endpoint gave."""
        self._begun = 0.0
        """When a held head went out."""
        self._framing = NO_BODY
        self._keep_alive = False
        self._out = b""
        """Bytes for the client that are joined with the next ones."""
        self._seen = -1
        """``response_bytes`` when the clock last looked; -1: not yet."""

    # -- the answer

    def _respond(self, respond: Respond) -> None:
        client = self.client
        request = self.request
        self._answered = respond
        unread = client.body_unread(request)
        close = respond.close or unread or not request.keep_alive or client.plane.draining
        if request.method != "HEAD":
            self.response_bytes = len(respond.body)
        client.transport.write(own_answers.answer(respond, request, close=close))
        self._end("done", not close, unread)

    def upstream_interim(self, head: ResponseHead) -> None:
        if self.request.minor_version and self._phase == SENT:
            self.client.transport.write(response_head(head.status, head.reason, head.headers, ""))

    def upstream_head(self, connection: UpstreamConnection, head: ResponseHead) -> None:
        client = self.client
        request = self.request
        if head.status == 404 and self._replayable() and self.exchange.lacks_model(404):
            self._drop_upstream()
            self._attempt_failed("model_missing")
            return
        head = self.exchange.on_response_head(head, time.monotonic())
        self._phase = ANSWERING
        self._framing = framing = frame_answer(head, request, self.exchange.changes_length)
        keep_alive = request.keep_alive and framing != UNTIL_CLOSE
        if client.plane.draining or not connection.request_done:
            keep_alive = False
        self._keep_alive = keep_alive
        length = None if head.status == 204 else head.content_length
        lines = framing_lines(framing, length, request.minor_version, keep_alive)
        if "date" not in head.by_name:
            lines += f"date: {own_answers.http_date()}\r\n"  # RFC 9110 section 6.6.1
        try:
            self._out = response_head(head.status, head.reason, head.headers, lines)
        except UnsendableHead:
            self._drop_upstream()
            self._respond(own_answers.broken_header())
            return
        if client.write_paused:
            connection.pause_reading()

    def upstream_flush(self) -> None:
        if self.exchange.holds_head:
            self._phase = HELD
            return
        self.client.transport.write(self._out)
        self._out = b""
        self._forget_request()

    def upstream_data(self, payload: bytes, raw: bytes | None, last: bool) -> None:
        self.response_bytes += len(payload)
        data = self.exchange.on_response_data(payload)
        if self._framing == CHUNKED:
            data = raw if raw is not None and data is payload else encode_chunk(data)
        if self._out:
            data = self._out + data
            self._out = b""
            if self._phase == HELD:
                self._phase = ANSWERING
                self._begun = time.monotonic()
            if not last:
                self._forget_request()
        if last:
            self._out = data
        else:
            self.client.transport.write(data)

    def upstream_end(self, trailers: Headers) -> None:
        connection, self.upstream = self.upstream, None
        last = self.exchange.on_response_end()
        out = self._out
        if self._framing == CHUNKED:
            out += encode_chunk(last) + encode_end(self._wanted(trailers))
        elif last and self._framing == UNTIL_CLOSE:
            out += last
        if out:
            self.client.transport.write(out)
        self._end("done", self._keep_alive, connection is not None and not connection.request_done)

    def _wanted(self, trailers: Headers) -> Headers:
        """Trailers go to clients that asked for them only; nothing is ever merged into the head."""
        return trailers if trailers and has_token(self.request.by_name.get("te", ""), "trailers") else []

    def _break_off(self, outcome: Outcome) -> None:
        """The answer cannot be finished: end it so that the client cannot take it for whole."""
        self._drop_upstream()
        visible = self.exchange.on_response_broken()
        out = self._out
        if self._framing == CHUNKED:
            out += encode_chunk(visible)
        elif self._framing == UNTIL_CLOSE:
            out += visible
        client = self.client
        if out:
            client.transport.write(out)
        indistinct = self._framing == UNTIL_CLOSE and not visible
        self._end(outcome, False, False)
        if indistinct:
            client.cut()

    def upstream_switched(self, connection: UpstreamConnection, head: ResponseHead, rest: bytes) -> None:
        """The endpoint accepted the upgrade: from here on bytes go through unread."""
        head = self.exchange.on_response_head(head, time.monotonic())
        self._phase = ANSWERING
        lines = f"connection: Upgrade\r\nupgrade: {self.request.upgrade}\r\n"
        self.client.transport.write(response_head(101, head.reason, head.headers, lines) + rest)
        self.upstream = None
        open_tunnel(self, connection)

    def tunnel_closed(self, sent: int, received: int) -> None:
        self.request_bytes += sent
        self.response_bytes += received
        self._end("done", False, False)

    # -- the client's side, flow and time

    def client_gone(self) -> None:
        self._abandon("client_gone")

    def shut_down(self) -> None:
        """The worker's drain is over."""
        if self._phase == ANSWERING:
            self._break_off("shutdown")
        else:
            self._abandon("shutdown")

    def _abandon(self, outcome: Outcome) -> None:
        if self._phase != ENDED:
            self._drop_upstream()
            self._finish(outcome)

    def client_full(self) -> None:
        if self.upstream is not None and self._phase == ANSWERING:
            self.upstream.pause_reading()

    def client_writable(self) -> None:
        if self.upstream is not None:
            self.upstream.resume_reading()
        self.client.set_due(time.monotonic() + self.client.plane.limits.upstream_stall)

    def deadline_passed(self) -> None:
        """The exchange's time is over, or only that of the attempt, which another may follow."""
        command = self._command
        of_attempt = command is not None and self.deadline < (command.deadline or FAR)
        self.deadline = FAR
        if self._phase == ANSWERING:
            self._break_off("deadline")
        elif self._phase != ENDED:
            self._drop_upstream()
            self._attempt_failed("head_timeout" if of_attempt else "deadline")

    def on_due(self, now: float) -> None:
        """The time of the current phase is over."""
        if self._phase == CONNECTING:
            self._drop_upstream()
            self._attempt_failed("connect_timeout")
        elif self._phase == ANSWERING and self._seen == self.response_bytes:
            self._break_off("upstream_broken")
        elif self._seen == 0 and (self._phase == HELD or self._half_a_head()):
            self._seen = -1
            self._drop_upstream()
            self._attempt_failed("head_timeout")
        elif self._phase != ENDED:
            if self._phase >= HELD or self._half_a_head():
                self._seen = self.response_bytes
            self.client.set_due(FAR if self._phase == DECIDING else now + self.client.plane.limits.upstream_stall)

    def _half_a_head(self) -> bool:
        """The endpoint began to answer, but not even its head is here."""
        return self._phase == SENT and self.upstream is not None and self.upstream.half_a_head

    # -- the end

    def _end(self, outcome: Outcome, keep_alive: bool, linger: bool) -> None:
        self._finish(outcome)
        if self.client.relay is self:
            self.client.exchange_ended(keep_alive, linger)

    def _finish(self, outcome: Outcome) -> None:
        self._phase = ENDED
        exchange = self.exchange
        exchange.resume = None
        self.client.release_body()
        record = exchange.on_end(outcome, time.monotonic())
        record.request_bytes = self.request_bytes
        record.response_bytes = self.response_bytes
        answered = self._answered
        if answered is not None:
            record.status = answered.status
            record.reason = record.reason or answered.reason
        if self._begun:
            record.time_to_first_byte = self._begun - record.started
        for mirror in self._mirrors or ():
            mirror.abandon()
        self.client.plane.record_sink(record)
