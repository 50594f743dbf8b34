"""One exchange on its way between a client's connection and an endpoint's: performs what the Exchange
commands.

Phases: ``DECIDING`` (reading a body, waiting in the queue, or between attempts) → ``CONNECTING`` → ``SENT``
(no response byte passed on yet; another endpoint may be tried) → ``ANSWERING`` (the client has the head; no
way back) → ``ENDED``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from math import inf
from typing import TYPE_CHECKING, cast

from modelyard.exchange.commands import Command, Forward, ReadBody, Respond
from modelyard.exchange.contract import ExchangeContract, FailureKind, Outcome
from modelyard.http1.chunked_coding import LAST_CHUNK, encode_chunk, encode_end
from modelyard.http1.header_fields import has_token
from modelyard.http1.message_heads import Headers, RequestHead, ResponseHead
from modelyard.http1.serialising import UnsendableHead, response_head
from modelyard.proxy import own_answers
from modelyard.proxy.client_framing import CHUNKED, NO_BODY, UNTIL_CLOSE, frame_answer, framing_lines
from modelyard.proxy.mirrored_request import MirroredRequest
from modelyard.proxy.tunnel import open_tunnel
from modelyard.proxy.upstream_connection import UpstreamConnection

if TYPE_CHECKING:
    from modelyard.proxy.client_connection import ClientConnection

log = logging.getLogger(__name__)

DECIDING, CONNECTING, SENT, ANSWERING, ENDED = range(5)
_JOIN_BELOW = 64 * 1024
"""Bodies up to this size are joined with their head into one write; above, copying costs more than a second
write.
"""


class ExchangeRelay:
    """Performs commands and reports what came of them (see ``exchange.contract``)."""

    __slots__ = (
        "_command",
        "_fallback_tried",
        "_framing",
        "_mirrors",
        "_out",
        "_phase",
        "_seen",
        "_sent",
        "_sent_size",
        "client",
        "connecting",
        "deadline",
        "exchange",
        "request",
        "request_bytes",
        "response_bytes",
        "upstream",
    )

    def __init__(self, client: ClientConnection, request: RequestHead, exchange: ExchangeContract) -> None:
        self.client = client
        self.request = request
        self.exchange = exchange
        self.connecting: asyncio.Task[None] | None = None
        self.upstream: UpstreamConnection | None = None
        self.deadline = inf
        """Monotonic end of the whole exchange."""
        self.request_bytes = 0
        self.response_bytes = 0
        self._phase = DECIDING
        self._command: Forward = cast("Forward", None)
        self._framing = NO_BODY
        self._out = b""
        """Bytes for the client that are joined with the next ones."""
        self._sent: list[bytes] | None = None
        """A streamed body's bytes so far, for another attempt; None: not streaming, or too much was sent."""
        self._sent_size = -1
        """Bytes sent of a streamed body; -1: streaming has not begun."""
        self._seen = 0
        self._fallback_tried = False
        self._mirrors: list[MirroredRequest] = []

    # -- commands

    def perform(self, command: Command) -> None:
        kind = command.__class__
        if kind is Forward:
            self._forward(cast("Forward", command))
        elif kind is ReadBody:
            self.client.collect_body(self.request, cast("ReadBody", command).limit)
        elif kind is Respond:
            self._respond(cast("Respond", command))
        else:
            self.exchange.resume = self._resume
            self.client.set_due(inf)

    def _resume(self, command: Forward | Respond) -> None:
        self.exchange.resume = None
        if self._phase == DECIDING:
            self.perform(command)

    def _respond(self, respond: Respond) -> None:
        client = self.client
        request = self.request
        unread = client.body_unread(request)
        close = respond.close or unread or not request.keep_alive or client.plane.draining
        if request.method != "HEAD":
            self.response_bytes = len(respond.body)
        client.transport.write(own_answers.answer(respond, request, close=close))
        self._end("done", keep_alive=not close, linger=unread)

    def _forward(self, command: Forward) -> None:
        self._command = command
        if command.deadline:
            self.deadline = command.deadline
        client = self.client
        if command.body is None and (self.request.content_length or 0) > client.plane.limits.max_body:
            self._respond(self.exchange.on_body_too_large())
            return
        connection = client.plane.pool.acquire(command.address, self)
        if connection is not None:
            self.upstream_ready(connection)
        else:
            self._await_connection()

    def _await_connection(self) -> None:
        self._phase = CONNECTING
        self.client.set_due(time.monotonic() + self._command.connect_timeout)

    # -- the request to the endpoint

    def upstream_ready(self, connection: UpstreamConnection) -> None:
        self.upstream = connection
        self._phase = SENT
        command = self._command
        body = command.body
        method = self.request.method
        if body is None and self.request.has_body:
            self._send_stream(connection, command)
        elif not body:
            connection.send(self, method, command.head, whole=True, upgrade=command.upgrade)
        elif len(body) < _JOIN_BELOW:
            connection.send(self, method, command.head + body, whole=True)
        else:
            connection.send(self, method, command.head, whole=True)
            connection.write(body)
        if body:
            self.request_bytes = len(body)
        if connection.request_done:
            self._await_head()
        if command.mirrors and not self._mirrors:
            self._start_mirrors(command, body or b"")

    def _await_head(self) -> None:
        timeout = self._command.head_timeout
        self.client.set_due(time.monotonic() + timeout if timeout else inf)

    def _send_stream(self, connection: UpstreamConnection, command: Forward) -> None:
        began = self._sent_size >= 0
        head = command.head
        if self._sent:
            head += b"".join(self._sent)
        connection.send(self, self.request.method, head, whole=False)
        if not began:
            self._sent = []
            self._sent_size = 0
            self.client.stream_body(self.request)
        elif self.client.body_unread(self.request):
            self.client.resume_body()
        else:
            connection.request_done = True

    def body_collected(self, body: bytes) -> None:
        self.perform(self.exchange.on_body(body, time.monotonic()))

    def body_piece(self, payload: bytes, done: bool) -> None:
        """The next bytes of a streamed body."""
        self.request_bytes += len(payload)
        data = payload
        if self._command.chunked:
            data = encode_chunk(payload) + LAST_CHUNK if done else encode_chunk(payload)
        self._keep_for_replay(data)
        for mirror in self._mirrors:
            mirror.feed(data, done)
        connection = self.upstream
        if connection is None:
            return
        connection.write(data)
        if done:
            connection.request_done = True
            if self._phase == SENT:
                self._await_head()
        elif connection.write_paused:
            self.client.pause_body()

    def _keep_for_replay(self, data: bytes) -> None:
        self._sent_size += len(data)
        if self._sent is not None:
            self._sent.append(data)
            if self._sent_size > self.client.plane.limits.replay_limit:
                self._sent = None

    def _replayable(self) -> bool:
        return self._sent_size <= 0 or self._sent is not None

    def body_too_large(self) -> None:
        self._stop_request(self.exchange.on_body_too_large())

    def body_malformed(self, message: str) -> None:
        self._stop_request(own_answers.malformed(400, message))

    def body_too_slow(self) -> None:
        self._stop_request(own_answers.body_timeout())

    def fail(self) -> None:
        """The gateway itself failed."""
        self._stop_request(own_answers.internal_error())

    def _stop_request(self, respond: Respond) -> None:
        """The request cannot go on: answer, unless the endpoint's answer has begun."""
        self._drop_upstream()
        if self._phase == ANSWERING:
            self._break_off("client-gone")
        elif self._phase != ENDED:
            respond.close = True
            self._respond(respond)

    def _start_mirrors(self, command: Forward, body: bytes) -> None:
        streaming = command.body is None and self.request.has_body
        for mirror in command.mirrors:
            copy = MirroredRequest(self.client.plane, mirror, self.request.method)
            self._mirrors.append(copy)
            sent = b"".join(self._sent or ()) if streaming else body
            copy.feed(sent, cast("UpstreamConnection", self.upstream).request_done)

    # -- failures before the first response byte

    def upstream_unreachable(self, kind: FailureKind) -> None:
        self._attempt_failed(kind)

    def upstream_lost(self, connection: UpstreamConnection, kind: FailureKind) -> None:
        self.upstream = None
        if self._phase == ANSWERING:
            self._break_off("upstream-broken")
        elif connection.reused and not connection.responded and kind == "reset" and self._replayable():
            self.client.pause_body()
            self._await_connection()
            self.client.plane.pool.acquire(self._command.address, self, fresh=True)
        else:
            self._attempt_failed(kind)

    def _attempt_failed(self, kind: FailureKind) -> None:
        self._phase = DECIDING
        self.client.pause_body()
        self.perform(self.exchange.on_upstream_failure(kind, self._replayable(), time.monotonic()))

    # -- the answer

    def upstream_interim(self, head: ResponseHead) -> None:
        if self.request.minor_version and self._phase == SENT:
            self.client.transport.write(response_head(head.status, head.reason, head.headers, ""))

    def upstream_head(self, head: ResponseHead) -> None:
        client = self.client
        request = self.request
        exchange = self.exchange
        head = exchange.on_response_head(head, time.monotonic())
        self._phase = ANSWERING
        upstream = cast("UpstreamConnection", self.upstream)
        self._framing = framing = frame_answer(head, request, exchange.changes_length)
        close = (
            not request.keep_alive
            or framing == UNTIL_CLOSE
            or client.plane.draining
            or not upstream.request_done
        )
        request.keep_alive = not close
        lines = framing_lines(framing, head.content_length, request, close)
        try:
            self._out = response_head(head.status, head.reason, head.headers, lines)
        except UnsendableHead:
            self._drop_upstream()
            self._phase = DECIDING
            self._respond(own_answers.broken_header())
            return
        if client.write_paused:
            upstream.pause_reading()
        if upstream.request_done:
            client.set_due(client.plane.wheel.now + client.plane.limits.upstream_stall)

    def upstream_flush(self) -> None:
        self.client.transport.write(self._out)
        self._out = b""

    def upstream_data(self, payload: bytes, raw: bytes | None, last: bool) -> None:
        self.response_bytes += len(payload)
        data = self.exchange.on_response_data(payload)
        if self._framing == CHUNKED:
            data = raw if raw is not None and data is payload else encode_chunk(data)
        if self._out:
            data = self._out + data
            self._out = b""
        if last:
            self._out = data
        else:
            self.client.transport.write(data)

    def upstream_end(self, trailers: Headers) -> None:
        connection, self.upstream = self.upstream, None
        last = self.exchange.on_response_end()
        out = self._out
        self._out = b""
        if self._framing == CHUNKED:
            out += encode_chunk(last) + encode_end(self._wanted(trailers))
        elif self._framing == UNTIL_CLOSE:
            out += last
        if out:
            self.client.transport.write(out)
        unsent = connection is not None and not connection.request_done
        self._end("done", keep_alive=self.request.keep_alive, linger=unsent)

    def _wanted(self, trailers: Headers) -> Headers:
        """Trailers go to clients that asked for them only; nothing is ever merged into the head."""
        return trailers if trailers and has_token(self.request.by_name.get("te", ""), "trailers") else []

    def _break_off(self, outcome: Outcome) -> None:
        """The answer cannot be finished: end it so that the client cannot take it for whole."""
        self._drop_upstream()
        visible = self.exchange.on_response_broken()
        out = self._out
        self._out = b""
        if self._framing == CHUNKED:
            out += encode_chunk(visible)
        elif self._framing == UNTIL_CLOSE:
            out += visible
        client = self.client
        if out:
            client.transport.write(out)
        indistinct = self._framing == UNTIL_CLOSE and not visible
        self._end(outcome, keep_alive=False)
        if indistinct:
            client.cut()

    def upstream_switched(self, connection: UpstreamConnection, head: ResponseHead, rest: bytes) -> None:
        """The endpoint accepted the upgrade: from here on bytes go through unread."""
        head = self.exchange.on_response_head(head, time.monotonic())
        self._phase = ANSWERING
        lines = f"connection: Upgrade\r\nupgrade: {self.request.upgrade}\r\n"
        self.client.transport.write(response_head(101, head.reason, head.headers, lines) + rest)
        open_tunnel(self, connection)

    def tunnel_closed(self, sent: int, received: int) -> None:
        self.request_bytes += sent
        self.response_bytes += received
        self.upstream = None
        self._end("done", keep_alive=False)

    # -- the client's side, flow and time

    def client_gone(self) -> None:
        if self._phase != ENDED:
            self._drop_upstream()
            self._finish("client-gone")

    def shut_down(self) -> None:
        if self._phase == ANSWERING:
            self._break_off("shutdown")
        elif self._phase != ENDED:
            self._drop_upstream()
            self._finish("shutdown")

    def client_full(self) -> None:
        if self.upstream is not None and self._phase == ANSWERING:
            self.upstream.pause_reading()

    def client_writable(self) -> None:
        if self.upstream is not None:
            self.upstream.resume_reading()
        self.client.set_due(time.monotonic() + self.client.plane.limits.upstream_stall)

    def upstream_full(self) -> None:
        self.client.pause_body()

    def upstream_writable(self) -> None:
        self.client.resume_body()

    def deadline_passed(self) -> None:
        self.deadline = inf
        if self._phase == ANSWERING:
            self._break_off("deadline")
        elif self._phase != ENDED:
            self._drop_upstream()
            self._attempt_failed("deadline")

    def on_due(self, now: float) -> None:
        """The time of the current phase is over."""
        if self._phase == CONNECTING:
            self._drop_upstream()
            self._attempt_failed("connect-timeout")
        elif self._phase == SENT:
            self._drop_upstream()
            self._attempt_failed("head-timeout")
        elif self._phase == ANSWERING and self._seen == self.response_bytes:
            self._break_off("upstream-broken")
        elif self._phase == ANSWERING:
            self._seen = self.response_bytes
            self.client.set_due(now + self.client.plane.limits.upstream_stall)

    # -- the end

    def _drop_upstream(self) -> None:
        connection, self.upstream = self.upstream, None
        if connection is not None:
            connection.cancel()
        elif self._phase == CONNECTING:
            self.client.plane.pool.withdraw(self._command.address, self)

    def _end(self, outcome: Outcome, *, keep_alive: bool, linger: bool = False) -> None:
        client = self.client
        self._finish(outcome)
        if client.relay is self:
            client.exchange_ended(keep_alive, linger)

    def _finish(self, outcome: Outcome) -> None:
        self._phase = ENDED
        exchange = self.exchange
        exchange.resume = None
        record = exchange.on_end(outcome, time.monotonic())
        record.request_bytes = self.request_bytes
        record.response_bytes = self.response_bytes
        for mirror in self._mirrors:
            mirror.abandon()
        self.client.plane.record_sink(record)
