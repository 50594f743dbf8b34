from __future__ import annotations

import asyncio
import socket

import pytest

from modelyard.proxy.tcp_reset import reset


def test_the_peer_sees_a_reset_and_no_end() -> None:
    async def run() -> None:
        def end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            reset(writer.transport)

        server = await asyncio.start_server(end, "127.0.0.1", 0)
        async with server, asyncio.timeout(20):
            client = socket.create_connection(server.sockets[0].getsockname())
            client.setblocking(False)
            with client, pytest.raises(ConnectionResetError):
                await asyncio.get_running_loop().sock_recv(client, 1)

    asyncio.run(run())
