"""One client's connection: an asyncio protocol around the HTTP/2 rules. It writes once per turn of the event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from modelyard.extproc.failed_connections import PortFaults
from modelyard.extproc.grpc_call import GrpcCall
from modelyard.extproc.grpc_stream import Services
from modelyard.http2.server_connection import ServerConnection

if TYPE_CHECKING:
    from modelyard.extproc.grpc_server import GrpcServer

CALLS_AT_ONCE = 64
"""Calls of a connection after which it is seen how many all connections have: nothing that each call should pay for."""


class GrpcConnection(asyncio.Protocol):
    """What calls share of their connection is public; see ``grpc_call``."""

    __slots__ = (
        "_asked",
        "_began",
        "_faults",
        "_heard",
        "_http2",
        "_in_turn",
        "_leaving",
        "_limits",
        "_server",
        "_stalled_since",
        "_transport",
        "kept",
        "loop",
        "max_message",
        "peer",
        "services",
    )

    def __init__(self, server: GrpcServer, services: Services, faults: PortFaults | None = None) -> None:
        self._server = server
        self._faults = faults
        self._limits = limits = server.limits
        self.services = services
        self.loop = server.loop
        self.peer = ""
        self.max_message = limits.max_message
        self.kept = 0
        """Bytes of messages that are not complete."""
        self._began = self._heard = self.loop.time()
        self._asked = False
        """A PING is unanswered."""
        self._stalled_since = 0.0
        """When the transport became full; 0: it is not."""
        self._in_turn = True
        """What is sent now will be written without further ado."""
        self._leaving = False
        self._transport: asyncio.Transport | None = None
        self._http2 = ServerConnection(self._new_call, limits.http2, self._began, self._output)

    def _new_call(self, connection: ServerConnection, number: int, send_window: int, receive_window: int) -> GrpcCall:
        return GrpcCall(self, connection, number, send_window, receive_window)

    @property
    def open_calls(self) -> int:
        return len(self._http2.streams)

    def takes_call(self) -> bool:
        """Whether the call that has just begun, and counts as open, may go on."""
        return self.open_calls % CALLS_AT_ONCE != 0 or self._server.open_streams <= self._limits.max_calls

    def keep(self, size: int) -> bool:
        """Count ``size`` bytes more (below 0: fewer) of messages that are not complete; False: there are too many."""
        self.kept += size
        self._server.kept += size
        limits = self._limits
        return self.kept <= limits.max_kept and self._server.kept <= limits.max_kept_by_all

    @property
    def draining(self) -> bool:
        """The client was asked to go elsewhere."""
        return self._http2.draining

    # ── what the transport says ──

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if not self._server.admit(self):
            self._transport.abort()
            return
        peername = transport.get_extra_info("peername")
        self.peer = str(peername[0]) if isinstance(peername, tuple) else ""
        self._transport.set_write_buffer_limits(self._limits.write_high_water)
        self._write()

    def data_received(self, data: bytes) -> None:
        self._heard = now = self.loop.time()
        self._asked = False
        self._in_turn = True
        self._http2.receive(data, now)
        self._write()

    def eof_received(self) -> None:
        """The peer sends no more at all: HTTP/2 has no half-open connections, so it is gone."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._http2.lost()
        self._server.dismiss(self)

    def pause_writing(self) -> None:
        self._stalled_since = self.loop.time()
        self._http2.outgoing.block()

    def resume_writing(self) -> None:
        self._stalled_since = 0.0
        self._in_turn = True
        if self._transport is not None:
            self._transport.resume_reading()
        self._http2.outgoing.unblock()
        self._write()

    # ── writing ──

    def _output(self) -> None:
        """A call sent something."""
        if not self._in_turn:
            self._in_turn = True
            self.loop.call_soon(self._write)

    def _write(self) -> None:
        transport = self._transport
        if transport is None:
            return
        outgoing = self._http2.outgoing
        while data := outgoing.take():
            if not self._leaving:  # nothing can follow the last bytes
                transport.write(data)
        self._in_turn = False
        if self._stalled_since and transport.get_write_buffer_size() > self._limits.write_most:
            transport.pause_reading()  # or it would go on asking for what no window holds back
        if (self._http2.ended or self._http2.drained) and not self._leaving:
            self._leaving = True
            self._leave(transport)

    def _leave(self, transport: asyncio.Transport) -> None:
        """The last bytes are written. The peer is to close: if this side did while something of the peer's is unread,
        TCP would reset the connection and the peer might lose the answer. TLS has its own way to wait for that. Who
        broke the rules is not waited for beyond that, whether he reads or not."""
        if self._http2.ended:
            if self._http2.no_http2 and self._faults is not None:
                self._faults.no_http2(self._http2.no_http2)
            self.loop.call_later(self._limits.linger, transport.abort)
        elif transport.can_write_eof():
            self.loop.call_later(self._limits.linger, transport.close)
        else:
            transport.close()
        if transport.can_write_eof():
            transport.write_eof()

    # ── what the server asks ──

    def drain(self) -> None:
        """Ask the client to go elsewhere; close when its calls have ended."""
        self._http2.drain()

    def abort(self) -> None:
        """End everything now."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
            self._http2.lost()

    def look(self, now: float) -> None:
        """Called now and then: cut a peer that is not there any more."""
        limits = self._limits
        if not self._http2.greeted:
            over = now - self._began > limits.preface_timeout
        elif self._stalled_since:
            over = now - self._stalled_since > limits.write_stall
        else:
            over = self._asked and now - self._heard > limits.quiet + limits.quiet_timeout
        if over:
            self.abort()
        elif not self._asked and now - self._heard > limits.quiet:
            self._asked = True
            self._http2.ping()
