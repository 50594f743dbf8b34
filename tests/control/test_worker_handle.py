from __future__ import annotations

import asyncio
import socket

from modelyard.control.worker_handle import MOST_UNREAD, Worker
from modelyard.worker import protocol


def test_a_worker_that_does_not_read_is_behind_until_it_does() -> None:
    async def test() -> None:
        ours, theirs = socket.socketpair()
        _, writer = await asyncio.open_unix_connection(sock=ours)
        worker = Worker(0)
        assert not worker.behind
        worker.join(writer)
        worker.send(protocol.FleetUpdate(delta=b"x" * (MOST_UNREAD + 8 * 1024 * 1024)))
        assert worker.behind
        reader, other = await asyncio.open_unix_connection(sock=theirs, limit=1024 * 1024)
        async with asyncio.timeout(10):
            while worker.behind:
                await reader.read(1024 * 1024)
        writer.close()
        other.close()

    asyncio.run(test())
