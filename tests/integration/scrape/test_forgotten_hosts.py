"""A host that is not watched any more keeps no connection, whatever was under way when it was dropped."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from modelyard.scrape.client import Client, get_request
from modelyard.scrape.connection import Reply, Target
from modelyard.scrape.wheel import Wheel

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("while_connecting", [True, False])
def test_a_connection_in_use_ends_with_its_answer(kit: Any, while_connecting: bool) -> None:
    async def scenario() -> None:
        asked, answer, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            asked.set()
            await answer.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await reader.readexactly(1)
            writer.close()
            ended.set()

        listener = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        client = Client(Wheel(0.1), time.monotonic)
        replies: list[Reply] = []
        client.get(Target("127.0.0.1", port), get_request("h", "/"), timeout=20, limit=100, done=replies.append)
        if not while_connecting:
            await asked.wait()
        client.forget("127.0.0.1")
        answer.set()
        await ended.wait()
        assert [(reply.status, reply.body) for reply in replies] == [(200, b"ok")]
        await client.close()
        listener.close()

    kit.run(scenario)
