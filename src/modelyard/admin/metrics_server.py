"""The metrics page with the answers to probes, alone on a port that a monitoring system may reach (aiohttp).

The admin API, which shows resources and takes orders, has an address of its own.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

from aiohttp import web

from modelyard.telemetry.exposition import CONTENT_TYPE


class MetricsSource(Protocol):
    """What is shown; implemented by a control process."""

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Whether requests can be served, and the details."""
        ...

    async def metrics(self) -> str:
        """The metrics page."""
        ...


class MetricsServer:
    """Serves ``/metrics``, ``/healthz`` and ``/readyz`` until ``stop``."""

    def __init__(self, source: MetricsSource) -> None:
        self._source = source
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> int:
        """Bind and serve; the port (of use where 0 was asked for). Raises OSError where the address is taken."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        addresses = self._runner.addresses
        return int(addresses[0][1]) if addresses else port

    async def stop(self) -> None:
        """Close the socket and end open requests."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=(await self._source.metrics()).encode(), headers={"content-type": CONTENT_TYPE})

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, request: web.Request) -> web.Response:
        ready, details = self._source.readiness()
        text = json.dumps({"ready": ready, **details}, indent=2, ensure_ascii=False)
        return web.Response(text=text + "\n", status=200 if ready else 503, content_type="application/json")
