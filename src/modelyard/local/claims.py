"""Makes the demo models on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from modelyard.local.log_tail import last_line
from modelyard.local.process import EngineProcess

_PROGRESS_SECONDS = 1.0
_RUN_DEMO = "import sys, runpy; sys.path.append({root!r}); runpy.run_module({module!r}, run_name='__main__')"
"""The package is added behind the engine's own packages: the engine's environment stays what it is."""


_ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""Tiny models gain little from more threads, which spin while they wait for each other: on cores that others use as
well, half a minute became ten."""


class ClaimError(Exception):
    """A claim cannot be filled; the message says why and what to do."""


async def make_demo_models(directory: Path, python: str, log: Path, say: Callable[[str], None]) -> None:
    """Make the demo models in ``directory`` where they are not there yet. ``python``: an interpreter that has the
    engine's packages. Raises :class:`ClaimError`."""
    say("making the demo models (about half a minute, once)")
    for folder in (directory, log.parent):
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
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
