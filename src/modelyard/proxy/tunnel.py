"""An upgraded connection (WebSocket): bytes pass unread both ways, each direction ending by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from modelyard.proxy.upstream_connection import UpstreamConnection
from modelyard.worker.timing_wheel import OFF

if TYPE_CHECKING:
    from modelyard.proxy.exchange_relay import ExchangeRelay
    from modelyard.worker.timing_wheel import TimingWheel

HALF_CLOSED_IDLE = 60.0
"""Seconds that a half-closed tunnel may be silent: an end that vanished looks like one that only stopped sending."""


class TunnelEnd(asyncio.Protocol):
    """One of the two ends; takes over a transport from the HTTP protocol that had it."""

    __slots__ = ("_after", "eof", "lost", "other", "received", "transport", "tunnel")

    def __init__(self, transport: asyncio.Transport, tunnel: Tunnel, after: Callable[[Exception | None], None]) -> None:
        self.transport = transport
        self.tunnel = tunnel
        self.other: TunnelEnd = self
        self.received = 0
        self.eof = False
        self.lost = False
        self._after = after

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        if not self.other.lost:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """Half-close: the other direction goes on."""
        self.eof = True
        self.tunnel.shorten()
        other = self.other
        if other.lost or other.eof or not other.transport.can_write_eof():
            other.transport.close()
            return False
        other.transport.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if not self.other.lost:
            self.other.transport.close() if exc is None else self.other.transport.abort()
        self._after(exc)
        self.tunnel.end_lost()

    def pause_writing(self) -> None:
        if not self.other.lost:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if not self.other.lost:
            self.other.transport.resume_reading()


class Tunnel:
    """Both ends and their idle time; an entry of the timing wheel."""

    __slots__ = ("_ends", "_idle", "_relay", "_seen", "_wheel", "due", "tick")

    def __init__(self, relay: ExchangeRelay, wheel: TimingWheel, idle: float) -> None:
        self._relay = relay
        self._wheel = wheel
        self._idle = idle
        self._ends: tuple[TunnelEnd, TunnelEnd] = cast("tuple[TunnelEnd, TunnelEnd]", ())
        self._seen = -1
        self.due = OFF
        self.tick = 0

    def join(self, client: TunnelEnd, endpoint: TunnelEnd) -> None:
        client.other, endpoint.other = endpoint, client
        self._ends = (client, endpoint)
        self._wheel.set(self, time.monotonic() + self._idle)

    def on_due(self, now: float) -> None:
        seen = sum(end.received for end in self._ends)
        if seen == self._seen:
            for end in self._ends:
                end.transport.abort()
            return
        self._seen = seen
        self._wheel.set(self, now + self._idle)

    def shorten(self) -> None:
        """One direction has ended: the other may not be silent for as long as before."""
        self._idle = min(self._idle, HALF_CLOSED_IDLE)
        self._wheel.set(self, time.monotonic() + self._idle)

    def end_lost(self) -> None:
        client, endpoint = self._ends
        if client.lost and endpoint.lost:
            self.due = OFF
            self._relay.tunnel_closed(client.received, endpoint.received)


def open_tunnel(relay: ExchangeRelay, connection: UpstreamConnection) -> None:
    """Join the client of ``relay`` with an endpoint that answered 101."""
    client = relay.client
    early = client.take_over()
    tunnel = Tunnel(relay, client.plane.wheel, client.plane.limits.tunnel_idle)
    client_end = TunnelEnd(client.transport, tunnel, client.tunnel_lost)
    endpoint_end = TunnelEnd(connection.transport, tunnel, connection.connection_lost)
    tunnel.join(client_end, endpoint_end)
    client.transport.set_protocol(client_end)
    connection.transport.set_protocol(endpoint_end)
    if early:
        client_end.data_received(early)
