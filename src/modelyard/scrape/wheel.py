"""The schedule: callbacks in buckets of one tick, so that a thousand timers cost one wake-up for each
tick.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable

Due = Callable[[float], None]
"""Called with the time; decides itself whether it is still wanted (nothing is ever taken off the wheel)."""


class Wheel:
    """Pure: it is told the time. Callbacks come never early and at most about a tick late."""

    def __init__(self, tick: float, on_earlier: Callable[[], None] | None = None) -> None:
        """``on_earlier`` is called when ``next_at`` has become earlier."""
        self._tick = tick
        self._on_earlier = on_earlier
        self._buckets: dict[int, list[Due]] = {}
        self._order: list[int] = []

    def add(self, at: float, due: Due) -> None:
        """Call ``due`` at the end of the tick in which ``at`` lies."""
        index = math.ceil(at / self._tick)
        bucket = self._buckets.get(index)
        if bucket is None:
            self._buckets[index] = [due]
            heapq.heappush(self._order, index)
            if self._on_earlier is not None and self._order[0] == index:
                self._on_earlier()
        else:
            bucket.append(due)

    def pop(self, now: float) -> list[Due]:
        """Everything that is due, oldest first."""
        due: list[Due] = []
        while self._order and self._order[0] * self._tick <= now:
            due += self._buckets.pop(heapq.heappop(self._order))
        return due

    @property
    def next_at(self) -> float | None:
        """When the next bucket is due; None: nothing is planned."""
        return self._order[0] * self._tick if self._order else None
