"""What the policies of one scheduler share and what is not in the fleet."""

from __future__ import annotations

from modelyard.picking.prefix_index import PrefixIndex


class Memory:
    """Lives as long as the scheduler. Written by the scheduler, read by policies."""

    __slots__ = ("busiest", "prefixes")

    def __init__(self, prefixes: PrefixIndex) -> None:
        self.prefixes = prefixes
        self.busiest = 1
        """Unseen requests of the busiest endpoint of the pool, rounded up to a power of two. Rounded, so that one more
        request rarely changes what every endpoint's count is measured against."""
