"""Clients that take one byte a second of a stream that never pauses."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_RECEIVE_BUFFER = 4096


@asynccontextmanager
async def slow_readers(count: int, target: str, request: bytes) -> AsyncIterator[list[socket.socket]]:
    """So many of them, for as long as the block runs."""
    host, _, port = target.rpartition(":")
    sockets = [_connected(host, int(port), request) for _ in range(count)]
    reading = asyncio.create_task(_trickle(sockets))
    try:
        yield sockets
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
        for sock in sockets:
            sock.close()


def _connected(host: str, port: int, request: bytes) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    sock.connect((host, port))
    sock.sendall(request)
    sock.setblocking(False)
    return sock


async def _trickle(sockets: list[socket.socket]) -> None:
    while True:
        await asyncio.sleep(1.0)
        for sock in sockets:
            with contextlib.suppress(BlockingIOError, ConnectionError):
                sock.recv(1)


def count_open(sockets: list[socket.socket]) -> int:
    """How many have not been reset by the gateway."""
    return sum(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0 for sock in sockets)
