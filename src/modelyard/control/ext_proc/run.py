"""Running an endpoint picker or a body-based router in the foreground."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import uvloop

from modelyard.control.ext_proc.process import ExtProcControl
from modelyard.control.ext_proc.settings import ExtProcSettings
from modelyard.control.ext_proc.sources import Source
from modelyard.control.until_stopped import serve_until_stopped

Report = Callable[[ExtProcControl, asyncio.Event], Coroutine[Any, Any, None]]
"""Tells people how the start goes; gets the process and an event that is set at every change."""


def run_ext_proc(settings: ExtProcSettings, sources: Sequence[Source], report: Report) -> None:
    """Run until SIGTERM or Ctrl-C. A second signal ends open streams at once. Raises what ``ExtProcControl.start``
    raises."""
    uvloop.run(_run(settings, sources, report))


async def _run(settings: ExtProcSettings, sources: Sequence[Source], report: Report) -> None:
    changed = asyncio.Event()
    control = ExtProcControl(settings, sources, on_change=changed.set)
    await serve_until_stopped(control, report(control, changed), settings.drain_seconds)
