"""An endpoint in a process of its own: an event per second to every connection, until SIGUSR1 ends the streams."""

from __future__ import annotations

import asyncio
import signal
from typing import ClassVar, cast

import uvloop

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
PAYLOAD = b'data: {"choices": [{"index": 0, "delta": {"content": " token"}}]}\n\n'
EVENT = b"%x\r\n%b\r\n" % (len(PAYLOAD), PAYLOAD)


class Stream(asyncio.Protocol):
    """Answers any request with events."""

    open: ClassVar[set[Stream]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(HEAD + EVENT)
        self.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open.discard(self)


async def main() -> None:
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, ending.set)
    server = await loop.create_server(Stream, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    while not ending.is_set():
        await asyncio.sleep(1)
        for stream in list(Stream.open):
            stream.transport.write(EVENT)
    for stream in list(Stream.open):
        stream.transport.write(b"0\r\n\r\n")
    await asyncio.sleep(3600)


uvloop.run(main())
