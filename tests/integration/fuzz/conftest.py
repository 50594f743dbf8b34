from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop
from watched_gateway import WatchedGateway, until

from .engine import StrictEngine
from .manifests import manifests


class Fuzzed:
    """A running gateway with strict engines behind it; they live on the loop of the test."""

    def __init__(self, gateway: WatchedGateway, engines: list[StrictEngine]) -> None:
        self.gateway = gateway
        self.engines = engines

    @property
    def faults(self) -> list[str]:
        """What engines should never have got."""
        return [fault for engine in self.engines for fault in engine.faults]


Test = Callable[[Fuzzed], Awaitable[None]]


@pytest.fixture
def with_gateway(tmp_path: Path, own_blocks: Callable[[], str]) -> Callable[[Test], None]:
    """Run an async test with a gateway of its own."""

    async def run(test: Test) -> None:
        engines = [StrictEngine(model_api=at < 2) for at in range(4)]
        for engine in engines:
            await engine.start()
        pool, (web, mirror) = [engine.address for engine in engines[:2]], [engine.address for engine in engines[2:]]
        gateway = WatchedGateway(tmp_path, manifests(pool, web, mirror), bind=f"{own_blocks()}.1")
        try:
            await asyncio.to_thread(gateway.__enter__)
            await asyncio.to_thread(until, gateway.all_ready, "every endpoint ready")
            await test(Fuzzed(gateway, engines))
        finally:
            await asyncio.to_thread(gateway.__exit__, None, None, None)
            for engine in engines:
                await engine.close()

    return lambda test: uvloop.run(run(test))
