"""Model servers behind the gateway under test: simulated ones and recorders, on an event loop in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, TypeVar

import uvloop
from strict_recorder import Recorder

from modelyard.sim.faults import Faults
from modelyard.sim.requestlog import ReceivedRequest
from modelyard.sim.server import SimHandle, running_sim
from modelyard.sim.settings import SimSettings

T = TypeVar("T")


class Backends:
    """Started by ``with``; every server is on a free port of the loopback address until the block ends."""

    def __init__(self) -> None:
        self._stack = contextlib.AsyncExitStack()
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._sims: list[SimHandle] = []

    def __enter__(self) -> Backends:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.run(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10.0)
        self._loop.close()

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        """Run on the servers' loop; the result."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(30.0)

    def sim(self, **settings: Any) -> Sim:
        handle = self.run(self._start_sim(SimSettings(control_port=0, request_log=1000, **settings)))
        self._sims.append(handle)
        return Sim(self, handle)

    async def _start_sim(self, settings: SimSettings) -> SimHandle:
        return await self._stack.enter_async_context(running_sim(settings))

    def recorder(self) -> Recorder:
        recorder = Recorder()
        self.run(self._start_recorder(recorder))
        return recorder

    async def _start_recorder(self, recorder: Recorder) -> None:
        await recorder.start()
        self._stack.push_async_callback(recorder.close)

    def heal(self) -> None:
        """No faults, and nothing remembered."""
        for handle in self._sims:
            self.run(_heal(handle))


async def _heal(handle: SimHandle) -> None:
    await handle.set_faults(Faults())
    handle.simulator.log.clear()


class Sim:
    """One simulated server, as a test thread holds it."""

    def __init__(self, backends: Backends, handle: SimHandle) -> None:
        self._backends = backends
        self.handle = handle
        self.address = handle.address

    def break_with(self, **faults: Any) -> None:
        """Put these faults in force."""
        self._backends.run(self.handle.set_faults(Faults(**faults)))

    @property
    def requests(self) -> list[ReceivedRequest]:
        """What came, but the gateway's own checks."""
        return [request for request in self.handle.requests if request.path not in ("/v1/models", "/health")]

    @property
    def busy(self) -> int:
        """Model requests under way."""
        return self.handle.simulator.load

    @property
    def working(self) -> int:
        """Sequences that the engine runs or has waiting."""
        engine = self.handle.engine
        return len(engine.running) + engine.waiting

    @property
    def aborted(self) -> int:
        """Requests that were cancelled, since the start."""
        return int(self.handle.engine.statistics.finished.get("abort", 0))
