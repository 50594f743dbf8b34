"""A Prometheus histogram as it is counted: plain numbers, which add up over workers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import msgspec


class Histogram(msgspec.Struct, array_like=True):
    """Counts by bucket, not cumulative; the last one is ``+Inf``. Whoever has it knows its bounds."""

    buckets: list[int]
    total: float = 0.0
    """Sum of what was observed."""

    @staticmethod
    def over(bounds: Sequence[float]) -> Histogram:
        """An empty one with these upper bounds."""
        return Histogram([0] * (len(bounds) + 1))

    def observe(self, value: float, bounds: Sequence[float], times: int = 1) -> None:
        """Count a value; ``bounds`` as it was made with."""
        self.total += value * times
        self.buckets[bisect_left(bounds, value)] += times

    def add(self, other: Histogram) -> None:
        """Add the counts of one with the same bounds."""
        self.buckets = [a + b for a, b in zip(self.buckets, other.buckets, strict=True)]
        self.total += other.total
