"""When requests of a fixed rate are due."""

from __future__ import annotations


class Pace:
    """``rate`` requests a second, evenly spaced, the first one at ``start``; what is late is caught up."""

    def __init__(self, rate: float, start: float) -> None:
        self._rate = rate
        self._start = start
        self._given = 0

    def due(self, now: float) -> list[float]:
        """The times of all that became due since the last call."""
        until = int((now - self._start) * self._rate) + 1 if now >= self._start else 0
        times = [self._start + number / self._rate for number in range(self._given, until)]
        self._given = max(self._given, until)
        return times
