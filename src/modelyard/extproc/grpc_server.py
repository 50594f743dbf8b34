"""A gRPC server on asyncio: listening sockets, their connections, and the end of both."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

from modelyard.extproc.grpc_stream import GrpcStream, OpenStream, Services, StreamHandler

__all__ = ["GrpcLimits", "GrpcServer", "GrpcStream", "OpenStream", "Services", "StreamHandler"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcLimits:
    """What clients may ask for."""

    max_message: int = 64 << 20
    """Bytes of one message: a body of the gateway's largest size that was buffered whole."""
    max_connections: int = 1024
    max_streams: int = 4096
    """Calls at a time of one connection."""


class GrpcServer:
    """All gRPC sockets of one process."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: GrpcLimits | None = None) -> None: ...

    async def listen(
        self, host: str, port: int, services: Services, *, tls: ssl.SSLContext | None = None, reuse_port: bool = False
    ) -> tuple[str, int]:
        """Serve ``services`` on an address; host and port as bound. ``tls``: as a context whose ``sni_callback`` may
        choose other certificates at any time. Raises ``OSError``."""
        raise NotImplementedError

    def close_listeners(self) -> None:
        """Take no more connections; those that stand are left alone."""

    async def drain(self, deadline: float) -> None:
        """Tell clients to go elsewhere, let open streams finish for ``deadline`` seconds, then cut the rest.
        Listeners are closed by the caller."""

    def close(self) -> None:
        """End everything now."""

    @property
    def open_streams(self) -> int:
        """Calls that have not ended."""
        return 0
