"""A gRPC server on asyncio: listening sockets, their connections, and the end of both."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from modelyard.extproc.failed_connections import PortFaults
from modelyard.extproc.grpc_connection import GrpcConnection
from modelyard.extproc.grpc_limits import GrpcLimits
from modelyard.extproc.grpc_stream import GrpcStream, OpenStream, Services, StreamHandler
from modelyard.extproc.seldom_told import SeldomTold
from modelyard.worker.listening_socket import BACKLOG, listening_socket

__all__ = ["GrpcLimits", "GrpcServer", "GrpcStream", "OpenStream", "Services", "StreamHandler"]

LOOK_EVERY = 2.0
"""Seconds between two looks at connections that may have been left."""


class GrpcServer:
    """All gRPC sockets of one process. To be made and used within its event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: GrpcLimits | None = None) -> None:
        self.loop = loop
        self.limits = limits or GrpcLimits()
        self._listeners: list[asyncio.Server] = []
        self._connections: set[GrpcConnection] = set()
        self.kept = 0
        """Bytes of messages that are not complete, of all connections."""
        self._emptied: asyncio.Event | None = None
        self._draining = False
        self._told = SeldomTold(loop.time)
        self._looking = loop.call_later(LOOK_EVERY, self._look)

    async def listen(
        self,
        host: str,
        port: int,
        services: Services,
        *,
        tls: ssl.SSLContext | None = None,
        reuse_port: bool = False,
        faults: PortFaults | None = None,
    ) -> tuple[str, int]:
        """Serve ``services`` on an address; host and port as bound.

        ``tls``: a context that offers ``h2`` (ALPN, RFC 9113 section 3.2); its ``sni_callback`` may choose other
        certificates at any time.
        ``reuse_port``: other processes bind the same port, and the kernel spreads connections over them.
        ``faults``: hears of connections that speak no HTTP/2. Raises ``OSError``.
        """
        sock = listening_socket(host, port, reuse_port=reuse_port)
        try:
            listener = await self.loop.create_server(
                lambda: GrpcConnection(self, services, faults),
                sock=sock,
                backlog=BACKLOG,
                ssl=tls,
                ssl_handshake_timeout=self.limits.preface_timeout if tls is not None else None,
                ssl_shutdown_timeout=self.limits.tls_linger if tls is not None else None,
            )
        except BaseException:
            sock.close()
            raise
        self._listeners.append(listener)
        bound = sock.getsockname()
        return str(bound[0]), int(bound[1])

    def close_listeners(self) -> None:
        """Take no more connections; those that stand are left alone."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    async def drain(self, deadline: float) -> None:
        """Tell clients to go elsewhere, let open calls finish for ``deadline`` seconds, then cut the rest. Whether
        listeners are closed before is the caller's decision: calls on connections made meanwhile are drained too."""
        self._draining = True
        for connection in list(self._connections):
            connection.drain()
        if self._connections:
            self._emptied = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), deadline)
        self.close()

    def close(self) -> None:
        """End everything now."""
        self.close_listeners()
        self._looking.cancel()
        for connection in list(self._connections):
            connection.abort()

    @property
    def open_streams(self) -> int:
        """Calls whose answers are not complete."""
        return sum(connection.open_calls for connection in self._connections)

    @property
    def open_connections(self) -> int:
        """Clients that are connected."""
        return len(self._connections)

    # ── what connections say ──

    def admit(self, connection: GrpcConnection) -> bool:
        """Count a connection in; False: there are as many as there may be."""
        if len(self._connections) >= self.limits.max_connections:
            self._told.tell(f"connections are refused: there are {self.limits.max_connections}, the limit")
            return False
        self._connections.add(connection)
        if self._draining:
            connection.drain()
        return True

    def dismiss(self, connection: GrpcConnection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        if self._emptied is not None and not self._connections:
            self._emptied.set()

    def _look(self) -> None:
        self._looking = self.loop.call_later(LOOK_EVERY, self._look)
        now = self.loop.time()
        for connection in list(self._connections):
            connection.look(now)
