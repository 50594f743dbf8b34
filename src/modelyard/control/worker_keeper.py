"""Keeps one data-plane worker running: started, started again when it dies, replaced when it hangs."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Iterable, Sequence

from modelyard.control.worker_handle import Worker

log = logging.getLogger(__name__)

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
"""A worker that dies at once is started again after a pause that doubles, in seconds."""
_SILENCE_SECONDS = 30.0
"""A worker reports every second; one that says nothing for so long hangs, and is replaced."""


class WorkerKeeper:
    """One worker process after the other, until it is told to stop."""

    def __init__(self, worker: Worker, command: Sequence[str]) -> None:
        self._worker = worker
        self._command = command
        self.stopping = False
        """The process that runs now is the last one."""

    async def run(self) -> None:
        """Return when the last process has ended."""
        worker, pause = self._worker, _FIRST_PAUSE
        if worker.inherited_pid:
            await worker.inherited_end()
            if not self.stopping:
                log.error("data-plane worker %d, taken over from a predecessor, has ended", worker.number)
                worker.restarts += 1
        while not self.stopping:
            started = time.monotonic()
            code = await self._run_once()
            worker.generation = 0
            if self.stopping:
                return
            if code == -signal.SIGINT and await self._is_ending():
                return
            pause = _FIRST_PAUSE if time.monotonic() - started > 10 * _LONGEST_PAUSE else min(2 * pause, _LONGEST_PAUSE)
            log.error(
                "data-plane worker %d ended with code %s; it is started again in %.1f s", worker.number, code, pause
            )
            worker.restarts += 1
            await asyncio.sleep(pause)

    async def _is_ending(self) -> bool:
        """Ctrl-C reaches a worker that has hardly begun as well as this process, and perhaps before it."""
        await asyncio.sleep(_FIRST_PAUSE)
        return self.stopping

    async def _run_once(self) -> int | str:
        """Run one worker process to its end; its exit code, or why it could not be started."""
        try:
            self._worker.process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.DEVNULL
            )
        except OSError as problem:  # out of memory, processes or descriptors: that may pass
            return str(problem)
        return await self._worker.process.wait()


async def end_silent(workers: Iterable[Worker]) -> None:
    """Kill workers that hang, for ever; their keepers start others."""
    while True:
        await asyncio.sleep(_SILENCE_SECONDS / 6)
        now = time.monotonic()
        for worker in workers:
            if worker.connected and now - worker.heard_at > _SILENCE_SECONDS:
                log.error("data-plane worker %d says nothing for %d s: it is replaced", worker.number, _SILENCE_SECONDS)
                worker.kill()
