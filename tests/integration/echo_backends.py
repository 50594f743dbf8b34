"""Backends that tell what reached them: HTTP and WebSocket servers on loopback addresses, in a thread of their own.

Each answers every request with JSON: who it is, and the method, path, host and headers that it got. Requests say in
their own headers and query how the answer shall be.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections import Counter
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any

import aiohttp
from aiohttp import web

ANSWER_HEADERS = "x-answer-headers"
"""Request header: the response headers to send, as a JSON object."""
DELAY = "delay"
"""Query parameter: seconds before the answer begins."""
PAUSE = "pause"
"""Query parameter: seconds between the two halves of the answer's body."""


class EchoBackends:
    """Starts and stops backends; counts the requests that each got from clients (not health checks or scrapes)."""

    def __init__(self) -> None:
        self.ports: dict[str, int] = {}
        """Port on 127.0.0.1 by name of the backend."""
        self._seen: Counter[tuple[str, str]] = Counter()
        self._runners: dict[str, web.AppRunner] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="echo backends", daemon=True)
        self._thread.start()

    def start(self, names: Iterable[str], *, host: str = "127.0.0.1", port: int = 0) -> None:
        """Start a backend for each name."""
        for name in names:
            self._wait(self._start(name, host, port))

    def stop(self, name: str) -> None:
        """End one backend; its port refuses connections from then on."""
        self._wait(self._runners.pop(name).cleanup())

    def close(self) -> None:
        """End everything."""
        for name in tuple(self._runners):
            self.stop(name)
        self._wait(_end_handlers())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def seen(self, name: str, mark: str) -> int:
        """How many requests with ``x-mark: mark`` the backend got."""
        return self._seen[name, mark]

    def _wait(self, step: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(step, self._loop).result(10)

    async def _start(self, name: str, host: str, port: int) -> None:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._handler(name))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        self._runners[name] = runner
        self.ports[name] = runner.addresses[0][1]

    def _handler(self, name: str) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            self._seen[name, request.headers.get("x-mark", "")] += 1
            if request.headers.get("upgrade", "").lower() == "websocket":
                return await _echo_frames(name, request)
            await asyncio.sleep(float(request.query.get(DELAY, 0)))
            return await _echo(name, request)

        return handle


async def _end_handlers() -> None:
    """End what still answers a client that is gone."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _echo(name: str, request: web.Request) -> web.StreamResponse:
    headers: Mapping[str, str] = json.loads(request.headers.get(ANSWER_HEADERS, "{}"))
    body = json.dumps(
        {
            "backend": name,
            "method": request.method,
            "path": request.raw_path,
            "host": request.headers.get("host"),
            "headers": [(key.lower(), value) for key, value in request.headers.items()],
            "body": (await request.read()).decode(errors="replace"),
        }
    ).encode()
    answer = web.StreamResponse(headers={"content-type": "application/json", **headers})
    answer.content_length = len(body)
    await answer.prepare(request)
    await answer.write(body[:10])
    await asyncio.sleep(float(request.query.get(PAUSE, 0)))
    with contextlib.suppress(ConnectionError):
        await answer.write(body[10:])
    return answer


async def _echo_frames(name: str, request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    socket.headers["x-backend"] = name
    await socket.prepare(request)
    async for message in socket:
        if message.type is aiohttp.WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type is aiohttp.WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket
