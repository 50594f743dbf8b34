"""Running a yard in the foreground: event loop, signals, start-up report, end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from modelyard.control.settings import ControlSettings
from modelyard.control.yard import Yard
from modelyard.control.yard_file import only_yard
from modelyard.manifests.reading import ReadResult

log = logging.getLogger(__name__)

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
    stopping = _stop_signals()
    reporter: asyncio.Task[None] | None = None
    try:
        await yard.start()
        reporter = asyncio.create_task(report(yard, changed))
        await stopping[0].wait()
        log.info("stopping: open requests have %g s", settings.drain_seconds)
    finally:
        if reporter is not None:
            reporter.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reporter
        await _stop(yard, stopping[1])


def _stop_signals() -> tuple[asyncio.Event, asyncio.Event]:
    """Events for the first and the second request to stop."""
    first, second = asyncio.Event(), asyncio.Event()

    def asked() -> None:
        (second if first.is_set() else first).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked)
    return first, second


async def _stop(yard: Yard, at_once: asyncio.Event) -> None:
    """Stop in order; at the second signal without the drain."""
    stop = asyncio.create_task(yard.stop())
    hurry = asyncio.create_task(at_once.wait())
    await asyncio.wait({stop, hurry}, return_when=asyncio.FIRST_COMPLETED)
    if not stop.done():
        log.warning("stopping at once: open requests are cut")
        yard.hurry()
    await stop
    hurry.cancel()
