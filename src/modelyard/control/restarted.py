"""What runs for as long as its process does, and is begun again where it fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn

log = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds until the next try."""


async def restarted(step: Callable[[], Awaitable[object]], what: str) -> NoReturn:
    """Do ``step`` again and again, however it ends. ``what`` it does, for the log."""
    while True:
        try:
            await step()
        except Exception:
            log.exception("%s failed; it is tried again in %g s", what, PAUSE)
        await asyncio.sleep(PAUSE)
