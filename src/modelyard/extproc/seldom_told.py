"""What may go wrong a thousand times a second, told once a minute."""

from __future__ import annotations

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)

TELL_EVERY = 60.0
"""Seconds between two words about the same."""
_MOST = 1000
"""Different things that are remembered as told."""


class SeldomTold:
    """Warnings, each once in ``TELL_EVERY`` seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._told: dict[str, float] = {}

    def tell(self, message: str) -> None:
        """Warn, unless the same was told a short while ago."""
        now = self._clock()
        last = self._told.get(message)
        if last is not None and now - last < TELL_EVERY:
            return
        if len(self._told) >= _MOST:
            self._told.clear()
        self._told[message] = now
        log.warning("%s", message)
