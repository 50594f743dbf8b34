"""Ten thousand open streams on one worker: no error, and little memory for each."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import sys
from pathlib import Path
from typing import cast

import pytest

from .conftest import CHAT, run, until
from .test_worker import worker

pytestmark = pytest.mark.integration

WANTED = 10_000
MOST_PER_STREAM = 40 * 1024
AT_ONCE = 500


def possible() -> int:
    """As many streams as this machine's limit on descriptors allows (two each in the worker)."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(WANTED, (hard - 200) // 2)


def resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Client(asyncio.Protocol):
    """Reads one stream."""

    def __init__(self) -> None:
        self.events = 0
        self.ended = False
        self.lost = False
        self.status = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(CHAT)

    def data_received(self, data: bytes) -> None:
        self.status = self.status or data[9:12]
        self.events += data.count(b"data: ")
        self.ended = self.ended or data.endswith(b"0\r\n\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True


@pytest.mark.timeout(300)
def test_ten_thousand_streams(tmp_path: Path, own_address: str) -> None:
    count = possible()

    async def test() -> None:
        endpoint = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(__file__).with_name("streaming_endpoint.py")), stdout=asyncio.subprocess.PIPE
        )
        assert endpoint.stdout is not None
        port = int(await endpoint.stdout.readline())
        try:
            async with worker(tmp_path, own_address, f"127.0.0.1:{port}") as running:
                loop = asyncio.get_running_loop()
                warm = await loop.create_connection(Client, *running.place)
                await until(lambda: warm[1].events)
                before = resident(running.process.pid)
                clients: list[Client] = []
                while len(clients) < count:
                    some = min(AT_ONCE, count - len(clients))
                    made = await asyncio.gather(*(loop.create_connection(Client, *running.place) for _ in range(some)))
                    clients += [client for _, client in made]
                    await until(lambda: all(client.status for client in clients[-some:]), 60)  # noqa: B023
                    assert {client.status for client in clients} == {b"200"}, running.log.read_text()[-2000:]
                per_stream = (resident(running.process.pid) - before) / count
                assert per_stream <= MOST_PER_STREAM
                seen = [client.events for client in clients]
                await until(lambda: all(c.events >= e + 2 for c, e in zip(clients, seen, strict=True)), 60)
                endpoint.send_signal(signal.SIGUSR1)
                await until(lambda: all(client.ended for client in clients), 60)
                assert not any(client.lost for client in clients)
                print(f"{count} streams, {per_stream / 1024:.1f} KiB each")
                for client in clients:
                    client.transport.abort()
        finally:
            endpoint.kill()
            await endpoint.wait()

    gc.collect()
    run(test(), 280)
