"""Simulated model servers in a thread of their own, for tests that talk to a gateway in another process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

from modelyard.sim.server import SimHandle, running_sim
from modelyard.sim.settings import SimSettings


class SimServers:
    """Servers started one by one, ended together."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulated servers", daemon=True)
        self._thread.start()
        self._running = AsyncExitStack()

    def start(self, settings: SimSettings, *, host: str = "127.0.0.1", port: int = 0) -> SimHandle:
        """One server; OSError where the address cannot be had."""
        started: SimHandle = self._wait(self._running.enter_async_context(running_sim(settings, host=host, port=port)))
        return started

    def close(self) -> None:
        self._wait(self._running.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _wait(self, step: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(step, self._loop).result(10)
