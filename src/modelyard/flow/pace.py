"""How many waiting requests go on at once when a pool has room again.

A reading is up to a scrape old, so "not full" does not say how much room there is, and letting the whole queue go would
fill the pool many times over before the next reading shows it. So it begins with one per interval and doubles as long
as the pool stays below full, like a connection's slow start; every completed request makes room for one more.
"""

from __future__ import annotations

INTERVAL = 0.05
"""Seconds between two doublings: four per default scrape."""

MAX_BURST = 1024


class Pace:
    """How many may go on now."""

    def __init__(self) -> None:
        self._tokens = 0
        self._burst = 1
        self._next = 0.0

    def completed(self) -> None:
        """A request of the pool ended."""
        if self._tokens < MAX_BURST:
            self._tokens += 1

    def allowance(self, now: float, full: bool) -> int:
        """Requests that may go on at ``now``."""
        if full:
            self._tokens = 0
            self._burst = 1
            return 0
        if now >= self._next:
            self._next = now + INTERVAL
            self._tokens = max(self._tokens, self._burst)
            self._burst = min(self._burst * 2, MAX_BURST)
        return self._tokens

    def spend(self, count: int) -> None:
        """So many went on."""
        self._tokens -= count
