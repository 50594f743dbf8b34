from __future__ import annotations

import asyncio
import socket
from typing import cast

from modelyard.proxy.untaken import untaken


class HalfSent:
    """A transport with 7 bytes that the kernel did not take yet."""

    def __init__(self, sock: socket.socket | None) -> None:
        self.sock = sock

    def get_write_buffer_size(self) -> int:
        return 7

    def get_extra_info(self, name: str) -> object:
        assert name == "socket"
        return self.sock


def untaken_of(sock: socket.socket | None) -> int:
    return untaken(cast("asyncio.Transport", HalfSent(sock)))


def test_what_the_kernel_holds_counts() -> None:
    near, far = socket.socketpair()
    with near, far:
        near.send(b"x" * 1000)
        before = untaken_of(near)
        far.recv(1000)
        assert untaken_of(near) < before


def test_a_socket_that_is_gone_counts_for_nothing() -> None:
    near, far = socket.socketpair()
    near.close()
    far.close()
    assert untaken_of(near) == untaken_of(None) == 7
