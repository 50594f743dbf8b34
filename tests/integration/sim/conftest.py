"""One simulated server and an HTTP client, for tests over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from modelyard.sim.server import SimHandle, running_sim
from modelyard.sim.settings import INSTANT, SimSettings

BOUND_S = 30.0


class Server:
    """A running simulated server as a client sees it."""

    def __init__(self, sim: SimHandle, session: aiohttp.ClientSession) -> None:
        self.sim = sim
        self.session = session

    async def get(self, path: str, **options: Any) -> tuple[int, Any]:
        return await self.call("GET", path, **options)

    async def post(self, path: str, body: Any, **options: Any) -> tuple[int, Any]:
        return await self.call("POST", path, json=body, **options)

    async def call(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """Status, and JSON or text."""
        async with self.session.request(method, self.sim.url + path, **options) as answer:
            body = await answer.read()
            is_json = answer.content_type == "application/json"
            return answer.status, (await answer.json()) if is_json else body.decode("utf-8", "replace")

    async def chat(self, **fields: Any) -> tuple[int, Any]:
        body = {"model": "m", "max_tokens": 4, "messages": [{"role": "user", "content": "hello"}]}
        return await self.post("/v1/chat/completions", {**body, **fields})

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits for a state of the server, polled."""
        while not holds():  # noqa: ASYNC110 - a poll: the state is the engine's, nobody signals it
            await asyncio.sleep(0.005)


@asynccontextmanager
async def server(settings: SimSettings) -> AsyncIterator[Server]:
    async with running_sim(settings) as sim, aiohttp.ClientSession() as session:
        yield Server(sim, session)


@pytest.fixture
def run() -> Callable[..., None]:
    """Runs ``scenario(server)`` against a server without latency, with the given settings changed."""

    def run_scenario(scenario: Callable[[Server], Awaitable[None]], **fields: Any) -> None:
        async def main() -> None:
            settings: dict[str, Any] = {"model": "m", **INSTANT, **fields}
            async with asyncio.timeout(BOUND_S), server(SimSettings(**settings)) as started:
                await scenario(started)

        asyncio.run(main())

    return run_scenario
