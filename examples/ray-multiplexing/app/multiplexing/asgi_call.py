"""A request to an ASGI application of the same process, and its answer piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]
Head = tuple[int, dict[str, str]]
"""Status and headers."""

_AHEAD = 16
"""Pieces that the application may be ahead of the reader."""


async def call(application: Application, path: str, body: bytes) -> AsyncIterator[Head | bytes]:
    """POST ``body`` (JSON) to ``path``. Closing the iterator tells the application that the client is gone."""
    pieces: asyncio.Queue[Head | bytes | BaseException | None] = asyncio.Queue(_AHEAD)
    request = _Request(body, pieces)
    task = asyncio.create_task(_run(application, path, request))
    try:
        while (piece := await pieces.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            yield piece
    finally:
        request.gone.set()
        task.cancel()


async def _run(application: Application, path: str, request: _Request) -> None:
    try:
        await application(_scope(path, len(request.body)), request.receive, request.send)
    except Exception as error:
        await request.pieces.put(error)
    await request.pieces.put(None)


class _Request:
    """The two functions that an ASGI application talks through."""

    def __init__(self, body: bytes, pieces: asyncio.Queue[Head | bytes | BaseException | None]) -> None:
        self.body, self.pieces = body, pieces
        self.gone = asyncio.Event()
        self._asked = False

    async def receive(self) -> Message:
        if self._asked:
            await self.gone.wait()
            return {"type": "http.disconnect"}
        self._asked = True
        return {"type": "http.request", "body": self.body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
            await self.pieces.put((message["status"], headers))
        elif message.get("body"):
            await self.pieces.put(message["body"])


def _scope(path: str, length: int) -> Message:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/json"), (b"content-length", str(length).encode())],
        "client": None,
        "server": None,
        "state": {},
    }
