"""Ends a connection with a TCP reset, which a peer cannot take for a normal end."""

from __future__ import annotations

import asyncio
import socket
import struct

_NO_LINGER = struct.pack("ii", 1, 0)
"""``SO_LINGER`` on, for 0 seconds: closing sends RST instead of FIN, and what was not sent is dropped."""


def reset(transport: asyncio.Transport) -> None:
    """Close at once."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
