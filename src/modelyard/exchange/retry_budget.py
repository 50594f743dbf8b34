"""How many retries a worker may make, so that a failing fleet is not buried under repeated requests."""

from __future__ import annotations


class RetryBudget:
    """A token bucket: every request adds ``ratio`` of a retry, and a floor refills by time.

    The figures are Linkerd's: 20 % of requests, at least 10 retries a second, over a 10 second window.
    """

    __slots__ = ("_cap", "_floor_per_second", "_last", "_ratio", "_tokens")

    def __init__(self, *, ratio: float = 0.2, floor_per_second: float = 10.0, window: float = 10.0) -> None:
        self._ratio = ratio
        self._floor_per_second = floor_per_second
        self._cap = floor_per_second * window
        self._tokens = self._cap
        self._last: float | None = None

    def deposit(self) -> None:
        """Count one request."""
        tokens = self._tokens + self._ratio
        self._tokens = tokens if tokens < self._cap else self._cap

    def withdraw(self, now: float) -> bool:
        """Take one retry; False: the budget is spent and the failure goes to the client."""
        if self._last is not None:
            self._tokens = min(self._cap, self._tokens + (now - self._last) * self._floor_per_second)
        self._last = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
