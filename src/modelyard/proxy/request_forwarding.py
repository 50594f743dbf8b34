"""The request's half of a relay: gets a connection, sends head and body, and tries again where that is allowed."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, cast

from modelyard.exchange.commands import Command, Forward, ReadBody, Respond
from modelyard.exchange.contract import ExchangeContract, FailureKind, Outcome
from modelyard.http1.chunked_coding import LAST_CHUNK, encode_chunk
from modelyard.http1.message_heads import RequestHead
from modelyard.proxy import own_answers
from modelyard.proxy.mirrored_request import MirroredRequest
from modelyard.proxy.upstream_connection import UpstreamConnection
from modelyard.worker.timing_wheel import FAR

if TYPE_CHECKING:
    from modelyard.proxy.client_connection import ClientConnection
    from modelyard.proxy.upstream_connection import UpstreamUser as _UpstreamUser
else:
    _UpstreamUser = object

log = logging.getLogger(__name__)

DECIDING, CONNECTING, SENT, HELD, ANSWERING, ENDED = range(6)
_JOIN_BELOW = 64 * 1024
"""Bodies up to this size are joined with their head into one write; above, copying costs more than a second write."""


class RequestForwarding(_UpstreamUser):
    """Performs commands of the Exchange up to the first byte of an answer."""

    __slots__ = (
        "_command",
        "_mirrors",
        "_phase",
        "_sent",
        "_sent_size",
        "client",
        "connecting",
        "deadline",
        "exchange",
        "request",
        "request_bytes",
        "upstream",
    )

    def __init__(self, client: ClientConnection, request: RequestHead, exchange: ExchangeContract) -> None:
        self.client = client
        self.request = request
        self.exchange = exchange
        self.connecting: asyncio.Task[None] | None = None
        self.upstream: UpstreamConnection | None = None
        self.deadline = FAR
        """Monotonic end of the whole exchange, or of the current attempt where that comes first."""
        self.request_bytes = 0
        self._phase = DECIDING
        self._command: Forward = cast("Forward", None)
        self._sent: list[bytes] | None = None
        """A streamed body's bytes so far, for another attempt; None: not streaming, or too much was sent."""
        self._sent_size = -1
        """Bytes sent of a streamed body; -1: streaming has not begun."""
        self._mirrors: list[MirroredRequest] | None = None

    # -- commands

    def perform(self, command: Command) -> None:
        """Do what the Exchange says; exactly one report of the outcome follows."""
        if isinstance(command, Forward):
            self._forward(command)
        elif isinstance(command, ReadBody):
            self.client.collect_body(self, self.request, command.limit)
        elif isinstance(command, Respond):
            self._respond(command)
        else:
            self.exchange.resume = self._resume
            self.deadline = command.deadline or FAR
            self.client.set_due(FAR)

    def _resume(self, command: Forward | Respond) -> None:
        self.exchange.resume = None
        if self._phase != DECIDING:
            return
        try:
            self.perform(command)
        except Exception:
            log.exception("an exchange failed after its wait")
            self.fail()

    def _forward(self, command: Forward) -> None:
        self._command = command
        client = self.client
        self.deadline = command.deadline or FAR
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

    # -- sending

    def upstream_ready(self, connection: UpstreamConnection) -> None:
        self.upstream = connection
        self._phase = SENT
        command = self._command
        if command.attempt_timeout:
            self.deadline = min(command.deadline or FAR, time.monotonic() + command.attempt_timeout)
        body = command.body
        if body:
            if len(body) < _JOIN_BELOW:
                connection.send(self, self.request.method, command.head + body, True, False)
            else:
                connection.send(self, self.request.method, command.head, True, False)
                connection.write(body)
        elif body is None and self.request.has_body:
            self._send_stream(connection, command)
        else:
            connection.send(self, self.request.method, command.head, True, command.upgrade)
        if connection.request_done:
            self._await_head()
        if command.mirrors and self._mirrors is None:
            self._start_mirrors(command)

    def _await_head(self) -> None:
        client = self.client
        client.set_due(client.plane.wheel.now + client.plane.limits.upstream_stall)

    def _send_stream(self, connection: UpstreamConnection, command: Forward) -> None:
        head = command.head
        if self._sent:
            head += b"".join(self._sent)
        connection.send(self, self.request.method, head, False, False)
        if self._sent_size < 0:
            self._sent = []
            self._sent_size = 0
            self.client.stream_body(self.request)
        elif self.client.body_unread(self.request):
            self.client.resume_body()
        else:
            connection.request_done = True

    def body_collected(self, body: bytes) -> None:
        self.request_bytes = len(body)
        self.perform(self.exchange.on_body(body, time.monotonic()))

    def body_piece(self, payload: bytes, done: bool) -> None:
        """The next bytes of a streamed body."""
        self.request_bytes += len(payload)
        data = payload
        if self._command.chunked:
            data = encode_chunk(payload) + LAST_CHUNK if done else encode_chunk(payload)
        self._keep_for_replay(data)
        for mirror in self._mirrors or ():
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

    def _start_mirrors(self, command: Forward) -> None:
        self._mirrors = []
        streaming = command.body is None and self.request.has_body
        body = b"".join(self._sent or ()) if streaming else command.body or b""
        whole = self.upstream is not None and self.upstream.request_done
        for mirror in command.mirrors:
            copy = MirroredRequest(self.client.plane, mirror, self.request.method)
            self._mirrors.append(copy)
            copy.feed(body, whole)

    # -- requests that cannot go on

    def body_too_large(self) -> None:
        self._stop_request(self.exchange.on_body_too_large())

    def overloaded(self) -> None:
        self._stop_request(own_answers.overloaded())

    def body_malformed(self, message: str) -> None:
        self._stop_request(own_answers.malformed(400, message))

    def body_too_slow(self) -> None:
        self._stop_request(own_answers.body_timeout())

    def fail(self) -> None:
        """The gateway itself failed."""
        self._stop_request(own_answers.internal_error())

    def _stop_request(self, respond: Respond) -> None:
        """Answer, unless the endpoint's answer has begun."""
        if self._phase == ANSWERING:
            self._break_off("client_gone")
        elif self._phase != ENDED:
            self._drop_upstream()
            respond.close = True
            self._respond(respond)

    # -- failures before the first response byte

    def upstream_unreachable(self, kind: FailureKind) -> None:
        self._attempt_failed(kind)

    def upstream_lost(self, connection: UpstreamConnection, kind: FailureKind) -> None:
        self.upstream = None
        if self._phase == ANSWERING:
            self._break_off("upstream_broken")
        elif connection.reused and not connection.responded and kind == "reset" and self._replayable():
            self.client.pause_body()
            self._await_connection()
            self.client.plane.pool.acquire(self._command.address, self, fresh=True)
        else:
            self._attempt_failed(kind)

    def _attempt_failed(self, kind: FailureKind) -> None:
        self._phase = DECIDING
        self.client.pause_body()
        try:
            self.perform(self.exchange.on_upstream_failure(kind, self._replayable(), time.monotonic()))
        except Exception:
            log.exception("an exchange failed on a failed attempt")
            self.fail()

    def _drop_upstream(self) -> None:
        connection, self.upstream = self.upstream, None
        if connection is not None:
            connection.cancel()
        elif self._phase == CONNECTING:
            self.client.plane.pool.withdraw(self._command.address, self)

    def _forget_request(self) -> None:
        """The client has the first byte: what was kept for another attempt must not be paid for as long as a stream
        lasts."""
        self._sent = None
        self._command.body = b""
        self.exchange.forget_request()
        self.client.release_body()

    # -- flow

    def upstream_full(self) -> None:
        self.client.pause_body()

    def upstream_writable(self) -> None:
        self.client.resume_body()

    # -- the answer's half

    def _respond(self, respond: Respond) -> None:
        raise NotImplementedError

    def _break_off(self, outcome: Outcome) -> None:
        raise NotImplementedError
