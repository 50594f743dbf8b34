"""Fills the folders of claims that say where their content comes from (``modelyard.dev/weights``)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from modelyard.local.home import Home
from modelyard.local.log_tail import last_line
from modelyard.local.process import EngineProcess
from modelyard.local.replica_plan import WeightsSource

DEMO = "demo://"
_PROGRESS_SECONDS = 1.0
_RUN_DEMO = "import sys, runpy; sys.path.append({root!r}); runpy.run_module({module!r}, run_name='__main__')"
"""The package is added behind the engine's own packages: the engine's environment stays what it is."""


_ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""Tiny models gain little from more threads, which spin while they wait for each other: on cores that others use as
well, half a minute became ten."""


class ClaimError(Exception):
    """A claim cannot be filled; the message says why and what to do."""


class ClaimFiller:
    """Fills each folder once, however many replicas wait for it."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._locks: dict[str, asyncio.Lock] = {}
        self._filled: set[WeightsSource] = set()

    async def fill(self, source: WeightsSource, python: str, say: Callable[[str], None]) -> None:
        """Return when the folder has its content. ``python``: an interpreter that has the engine's packages.

        Raises :class:`ClaimError`.
        """
        lock = self._locks.setdefault(source.directory, asyncio.Lock())
        if lock.locked():
            say(f"{source.directory} to be filled from {source.source}")
        async with lock:
            if source in self._filled:
                return
            if source.source != DEMO:
                known = f"{source.source!r} is no source of weights that this version knows"
                raise ClaimError(f"{known}; use {DEMO}, or remove the annotation and fill {source.directory}")
            await self._make_demo_models(Path(source.directory), python, say)
            self._filled.add(source)

    async def _make_demo_models(self, directory: Path, python: str, say: Callable[[str], None]) -> None:
        say("making the demo models (about half a minute, once)")
        log = self._home.logs / "demo-weights.log"
        root = str(Path(__file__).parents[2])
        code = _RUN_DEMO.format(root=root, module="modelyard.local.demo_weights")
        process = await EngineProcess.start(
            [python, "-W", "ignore", "-c", code, str(directory)], env=_ONE_THREAD, directory=directory, log=log
        )
        waiting = asyncio.ensure_future(process.wait())
        try:
            while not (await asyncio.wait({waiting}, timeout=_PROGRESS_SECONDS))[0]:
                say(f"making the demo models: {last_line(log)}")
        except BaseException:
            process.kill()
            raise
        if waiting.result():
            raise ClaimError(f"the demo models could not be made (see {log}): {last_line(log)}")
