"""How much of what was written to a peer it has not taken yet: tells a slow reader from one that is stuck."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import struct
import termios


def untaken(transport: asyncio.Transport) -> int:
    """Bytes in the transport's buffer and, where the system tells, in the kernel's: a slow reader empties the latter
    for hours before the former gets shorter. One system call."""
    waiting = transport.get_write_buffer_size()
    sock = transport.get_extra_info("socket")
    with contextlib.suppress(OSError, ValueError):  # closed meanwhile, or a system that does not tell
        if sock is not None:
            waiting += struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
    return waiting
