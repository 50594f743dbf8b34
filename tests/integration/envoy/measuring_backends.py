"""Model servers that tell which bytes reached them: two HTTP servers on addresses of their own, in a thread."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from typing import Any

from aiohttp import web

PORT = 8000
EVENTS, PAUSE = 6, 0.25
"""Events of a streamed answer, and seconds between two."""


class MeasuringBackends:
    """Each answers with its name, and the length and digest of the body that it got."""

    def __init__(self, hosts: tuple[str, ...]) -> None:
        self.requests = 0
        """That reached any of them, health checks and scrapes left out."""
        self.heads: list[list[tuple[str, str]]] = []
        self._runners: list[web.AppRunner] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(hosts), self._loop).result(10)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    async def _start(self, hosts: tuple[str, ...]) -> None:
        for host in hosts:
            app = web.Application(client_max_size=1 << 30)
            app.router.add_post("/{tail:.*}", self._handler(host))
            app.router.add_get("/{tail:.*}", self._plain)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            self._runners.append(runner)
            await runner.setup()
            await web.TCPSite(runner, host, PORT).start()

    async def _end(self) -> None:
        for runner in self._runners:
            await runner.cleanup()

    async def _plain(self, request: web.Request) -> web.Response:
        if request.path.startswith("/v1/models/"):
            self.requests += 1
            return web.json_response({"id": request.path})
        return web.Response(status=404)

    def _handler(self, host: str) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            self.requests += 1
            self.heads.append([(name.lower(), value) for name, value in request.headers.items()])
            body = await request.read()
            if request.headers.get("x-stream"):
                return await _events(request)
            digest = hashlib.sha256(body).hexdigest()
            return web.json_response({"backend": f"{host}:{PORT}", "size": len(body), "sha256": digest})

        return handle


async def _events(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await answer.prepare(request)
    for number in range(EVENTS):
        await answer.write(f"data: {number}\n\n".encode())
        await asyncio.sleep(PAUSE)
    await answer.write(b"data: [DONE]\n\n")
    await answer.write_eof()
    return answer
