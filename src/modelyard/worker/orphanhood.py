"""What a worker does whose control process is gone: serve on, but not for ever and not for nothing.

An endpoint that is not ours is still there, so requests go on being served while somebody starts the control process
again. Endpoints that the control process ran end with it; a worker without any endpoint left ends as well, so nothing
stays behind on the machine.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from modelyard.worker.control_link import ControlLink

log = logging.getLogger(__name__)

_PAUSE = 1.0
_GRACE = 2.0
"""Seconds until the first look: a control process that is being restarted, and replicas that are ending, need a
moment."""
_PROBED = 32
"""Endpoints tried per look; a yard with more has surely one among them that answers."""
_PROBE_SECONDS = 1.0


class Orphanhood:
    """Watches the link and decides when a worker without control process ends."""

    def __init__(self, link: ControlLink, longest: float, drain_seconds: float) -> None:
        """``longest``: seconds that the worker serves on at most; ``drain_seconds``: how long what is open then may
        take."""
        self._link = link
        self._longest = longest
        self._drain_seconds = drain_seconds

    async def watch(self, endpoints: Callable[[], Sequence[str]], stop: Callable[[float], None]) -> None:
        """Call ``stop(drain seconds)`` once when the worker should end."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_PAUSE)
            lost_at = self._link.lost_at
            if lost_at is None or loop.time() - lost_at < _GRACE:
                continue
            if loop.time() - lost_at > self._longest:
                log.error("no control process for %g s; this worker ends", self._longest)
                stop(self._drain_seconds)
                return
            if not await any_answers(endpoints()):
                log.error("no control process and no endpoint; this worker ends")
                stop(0.0)
                return


async def any_answers(addresses: Sequence[str]) -> bool:
    """Whether one of the first endpoints takes a connection."""
    tries = [asyncio.create_task(_answers(address)) for address in addresses[:_PROBED]]
    try:
        for done in asyncio.as_completed(tries):
            if await done:
                return True
        return False
    finally:
        for task in tries:
            task.cancel()


async def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
