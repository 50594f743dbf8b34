"""A control process in the foreground: started, told of signals, stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Coroutine
from typing import Any, Protocol

log = logging.getLogger(__name__)


class ControlProcess(Protocol):
    """What is started and stopped."""

    async def start(self) -> None: ...

    async def stop(self) -> None:
        """Drain, and leave nothing behind; also after a start that failed."""
        ...

    def hurry(self) -> None:
        """End the drain of a running ``stop`` now."""
        ...


async def serve_until_stopped(process: ControlProcess, report: Coroutine[Any, Any, None], drain_seconds: float) -> None:
    """Run until SIGTERM or Ctrl-C. A second signal ends open requests at once. ``report`` runs beside the process once
    that has started, and is cancelled at the end. Raises what ``start`` raises."""
    stopping = _stop_signals()
    reporter: asyncio.Task[None] | None = None
    try:
        await process.start()
        reporter = asyncio.create_task(report)
        await stopping[0].wait()
        log.info("stopping: open requests have %g s", drain_seconds)
    finally:
        if reporter is None:
            report.close()
        else:
            reporter.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reporter
        await _stop(process, stopping[1])


def _stop_signals() -> tuple[asyncio.Event, asyncio.Event]:
    """Events for the first and the second request to stop."""
    first, second = asyncio.Event(), asyncio.Event()

    def asked() -> None:
        (second if first.is_set() else first).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked)
    return first, second


async def _stop(process: ControlProcess, at_once: asyncio.Event) -> None:
    """Stop in order; at the second signal without the drain."""
    stop = asyncio.create_task(process.stop())
    hurry = asyncio.create_task(at_once.wait())
    await asyncio.wait({stop, hurry}, return_when=asyncio.FIRST_COMPLETED)
    if not stop.done():
        log.warning("stopping at once: open requests are cut")
        process.hurry()
    await stop
    hurry.cancel()
