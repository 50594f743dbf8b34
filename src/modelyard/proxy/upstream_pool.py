"""Keep-alive connections to endpoints: one small pool per address, made when an address is first used."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections import deque

from modelyard.exchange.contract import FailureKind
from modelyard.proxy.limits import ProxyLimits
from modelyard.proxy.upstream_connection import UpstreamConnection, UpstreamUser
from modelyard.worker.timing_wheel import TimingWheel

log = logging.getLogger(__name__)

_KEEP_ALIVE = [
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 30),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 10),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 6),
]
"""A host that vanished without a word is noticed within about 90 s, however long its stream was silent."""


class UpstreamPool:
    """All connections of a worker to endpoints."""

    __slots__ = ("_endpoints", "limits", "loop", "wheel")

    def __init__(self, loop: asyncio.AbstractEventLoop, wheel: TimingWheel, limits: ProxyLimits) -> None:
        self.loop = loop
        self.wheel = wheel
        self.limits = limits
        self._endpoints: dict[str, EndpointPool] = {}
        wheel.every_second(self._drop_idle)

    def acquire(self, address: str, user: UpstreamUser, *, fresh: bool = False) -> UpstreamConnection | None:
        """An idle connection to ``address`` (``ip:port``); None: ``user.upstream_ready`` or
        ``upstream_unreachable`` comes later. ``fresh``: never one that was used before."""
        endpoint = self._endpoints.get(address)
        if endpoint is None:
            endpoint = self._endpoints[address] = EndpointPool(self, address)
        if not fresh:
            idle = endpoint.idle
            while idle:
                connection = idle.pop()
                if not connection.closed and not connection.transport.is_closing():
                    connection.reused = True
                    return connection
        endpoint.connect(user)
        return None

    def withdraw(self, address: str, user: UpstreamUser) -> None:
        """Stop waiting for a connection that ``acquire`` promised."""
        if user.connecting is not None:
            user.connecting.cancel()
            user.connecting = None
        elif (endpoint := self._endpoints.get(address)) is not None and user in endpoint.waiting:
            endpoint.waiting.remove(user)

    def close(self) -> None:
        """Close every idle connection (those in use end with their requests)."""
        for endpoint in self._endpoints.values():
            endpoint.drop_idle(float("inf"))

    def open_connections(self) -> int:
        return sum(endpoint.open for endpoint in self._endpoints.values())

    def _drop_idle(self, now: float) -> None:
        oldest = now - self.limits.upstream_idle
        empty = []
        for address, endpoint in self._endpoints.items():
            if endpoint.idle:
                endpoint.drop_idle(oldest)
            elif not endpoint.open and not endpoint.waiting:
                empty.append(address)
        for address in empty:
            del self._endpoints[address]


class EndpointPool:
    """Connections to one address, used last in first out so that a pool shrinks to what is needed."""

    __slots__ = ("_host", "_port", "_tasks", "idle", "limits", "open", "pool", "waiting")

    def __init__(self, pool: UpstreamPool, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._host = host.strip("[]")
        self._port = int(port)
        self.pool = pool
        self.limits = pool.limits
        self.idle: list[UpstreamConnection] = []
        self.open = 0
        """Connections that stand or are being made."""
        self.waiting: deque[UpstreamUser] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    def connect(self, user: UpstreamUser) -> None:
        """Open a connection for ``user``, or queue it where the endpoint has as many as it may."""
        if 0 < self.limits.upstream_max_connections <= self.open:
            self.waiting.append(user)
            return
        self.open += 1
        task = self.pool.loop.create_task(self._open(user))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        user.connecting = task

    async def _open(self, user: UpstreamUser) -> None:
        connection = UpstreamConnection(self)
        failure: FailureKind = "connect_refused"
        try:
            await self.pool.loop.create_connection(lambda: connection, self._host, self._port)
        except OSError as error:
            if error.errno == errno.ETIMEDOUT:
                failure = "connect_timeout"
        except asyncio.CancelledError:
            if not connection.transport:
                self._give_back_place()
            raise
        user.connecting = None
        if connection.closed:
            user.upstream_unreachable("reset")
        elif connection.transport:
            keep_alive(connection.transport.get_extra_info("socket"))
            user.upstream_ready(connection)
        else:
            self._give_back_place()
            user.upstream_unreachable(failure)

    def release(self, connection: UpstreamConnection) -> None:
        """Take back a connection whose request and answer are whole."""
        if self.waiting:
            connection.reused = True
            self.pool.loop.call_soon(self._hand_over, connection)
            return
        connection.idle_since = self.pool.wheel.now
        self.idle.append(connection)

    def _hand_over(self, connection: UpstreamConnection) -> None:
        if connection.closed:
            return
        if self.waiting:
            self.waiting.popleft().upstream_ready(connection)
        else:
            self.release(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        """A connection is gone."""
        if connection in self.idle:
            self.idle.remove(connection)
        self._give_back_place()

    def drop_idle(self, oldest: float) -> None:
        """Close connections that are unused since before ``oldest``."""
        keep = 0
        while keep < len(self.idle) and self.idle[keep].idle_since <= oldest:
            keep += 1
        dropped = self.idle[:keep]
        del self.idle[:keep]
        for connection in dropped:
            connection.transport.close()

    def _give_back_place(self) -> None:
        self.open -= 1
        if self.waiting:
            self.connect(self.waiting.popleft())


def keep_alive(sock: socket.socket | None) -> None:
    """Have the kernel notice a peer that vanished without closing."""
    if sock is None:
        return
    for level, name, value in _KEEP_ALIVE:
        if hasattr(socket, name):
            with contextlib.suppress(OSError):  # the peer is gone already: some systems refuse options then
                sock.setsockopt(level, getattr(socket, name), value)
