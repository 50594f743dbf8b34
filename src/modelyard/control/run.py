"""Running a yard in the foreground: event loop, signals, start-up report, end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from modelyard.control.settings import ControlSettings
from modelyard.control.until_stopped import serve_until_stopped
from modelyard.control.yard import Yard
from modelyard.control.yard_file import only_yard
from modelyard.manifests.reading import ReadResult

Report = Callable[[Yard, asyncio.Event], Coroutine[Any, Any, None]]
"""Tells people how the start goes; gets the yard and an event that is set at every change. Cancelled at the end."""


def run_yard(settings: ControlSettings, read: ReadResult, report: Report) -> None:
    """Run until SIGTERM or Ctrl-C. A second signal ends open requests at once.

    Raises OSError where the admin address is taken, AddressUnusable for a Gateway's, NoAddress or BadUrl for what
    cannot be bound or asked, and HomeInUse where another yard runs in the home.
    """
    with only_yard(settings.home):
        uvloop.run(_run(settings, read, report))


async def _run(settings: ControlSettings, read: ReadResult, report: Report) -> None:
    changed = asyncio.Event()
    yard = Yard(settings, read, on_change=changed.set)
    await serve_until_stopped(yard, report(yard, changed), settings.drain_seconds)
