"""A bound on what a peer may do that costs us more than it (RFC 9113, section 10.5)."""

from __future__ import annotations


class Allowance:
    """Tokens: spent by what brings nothing, earned by what does, and with time.

    The clock is only looked at once the tokens are used up, so an honest peer costs one subtraction.
    """

    __slots__ = ("_left", "_most", "_per_second", "_since")

    def __init__(self, most: int, per_second: float, now: float) -> None:
        self._most = most
        self._per_second = per_second
        self._left = float(most)
        self._since = now

    def spend(self, count: int, now: float) -> bool:
        """False: more than there is."""
        left = self._left - count
        if left < 0:
            gained = (now - self._since) * self._per_second
            self._since = now
            left = min(float(self._most), self._left + gained) - count
        self._left = left
        return left >= 0

    def earn(self) -> None:
        if self._left < self._most:
            self._left += 1
