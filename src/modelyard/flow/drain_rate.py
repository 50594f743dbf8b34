"""How fast a pool finishes requests, and so how long a refused client should wait."""

from __future__ import annotations

from math import ceil

MIN_RETRY_AFTER = 1
MAX_RETRY_AFTER = 60
"""Seconds. A client that is told to wait longer has given up."""

_WINDOW = 1.0
_SMOOTHING = 0.3


class DrainRate:
    """Completed requests per second, smoothed over some seconds."""

    def __init__(self) -> None:
        self.completed = 0
        self._counted = 0
        self._since: float | None = None
        self._rate: float | None = None

    def observe(self, now: float) -> None:
        """To be called now and then: closes the window when it is long enough."""
        if self._since is None:
            self._since = now
        elapsed = now - self._since
        if elapsed < _WINDOW:
            return
        rate = (self.completed - self._counted) / elapsed
        weight = 1.0 - (1.0 - _SMOOTHING) ** elapsed
        self._rate = rate if self._rate is None else self._rate + weight * (rate - self._rate)
        self._since = now
        self._counted = self.completed

    def retry_after(self, ahead: int, saturation: float) -> int:
        """Whole seconds until ``ahead`` requests are done, 1 to 60; longer the further the pool is above full.

        Before anything was measured: as if one request were done per second.
        """
        rate = self._rate
        if rate is None:
            rate = 1.0
        if rate <= 0.0:
            return MAX_RETRY_AFTER
        seconds = ahead / rate * max(1.0, saturation)
        return max(MIN_RETRY_AFTER, min(MAX_RETRY_AFTER, ceil(min(seconds, MAX_RETRY_AFTER))))
