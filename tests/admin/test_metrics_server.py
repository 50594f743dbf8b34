from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from modelyard.admin.metrics_server import MetricsServer


class Source:
    ready = False

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        return self.ready, {"generation": 3}

    async def metrics(self) -> str:
        return "a 1\n"


def test_metrics_and_probes_and_nothing_else() -> None:
    async def test() -> None:
        source = Source()
        server = MetricsServer(source)
        port = await server.start("127.0.0.1", 0)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:

            async def get(path: str) -> tuple[int, str]:
                async with client.get(path) as answer:
                    return answer.status, await answer.text()

            assert await get("/metrics") == (200, "a 1\n")
            assert await get("/healthz") == (200, "ok\n")
            assert (await get("/readyz"))[0] == 503
            source.ready = True
            status, text = await get("/readyz")
            assert (status, '"generation": 3' in text) == (200, True)
            assert (await get("/api/resources"))[0] == 404
        await server.stop()

    asyncio.run(test())


def test_a_taken_port_is_told() -> None:
    async def test() -> None:
        server = MetricsServer(Source())
        port = await server.start("127.0.0.1", 0)
        with pytest.raises(OSError, match="in use"):
            await MetricsServer(Source()).start("127.0.0.1", port)
        await server.stop()

    asyncio.run(test())
