"""Requests that wait until the adapter that they ask for is loaded, within the bounds of their pool's queue."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import NamedTuple

from modelyard.flow.config import FlowConfig


class _Waiting(NamedTuple):
    model: str
    size: int
    until: float


class LoadWaits:
    """Tickets by adapter. Falsy when nothing waits."""

    def __init__(self, config: FlowConfig) -> None:
        """Bounds: those of all bands together where the config has such, else those of one band."""
        self._most = config.max_requests or config.default_band.max_requests
        self._most_bytes = config.max_bytes or config.default_band.max_bytes
        self._tickets: dict[int, _Waiting] = {}
        self._by_model: dict[str, dict[int, None]] = {}
        self._bytes = 0
        self._last_id = 0
        self._next_end = inf

    def __len__(self) -> int:
        return len(self._tickets)

    @property
    def counts(self) -> Mapping[str, int]:
        """Waiting requests by adapter; none is 0."""
        return {model: len(ids) for model, ids in self._by_model.items()}

    def add(self, model: str, size: int, until: float) -> int | None:
        """The ticket of a request of ``size`` bytes that waits until ``until`` at most; None: no room."""
        if len(self._tickets) >= self._most or self._bytes + size > self._most_bytes:
            return None
        self._last_id += 1
        self._tickets[self._last_id] = _Waiting(model, size, until)
        self._by_model.setdefault(model, {})[self._last_id] = None
        self._bytes += size
        self._next_end = min(self._next_end, until)
        return self._last_id

    def take(self, model: str) -> list[int]:
        """Remove all that wait for ``model``, the longest waiting first."""
        ids = list(self._by_model.get(model, ()))
        for number in ids:
            self.cancel(number)
        return ids

    def expire(self, now: float) -> list[int]:
        """Remove all that have waited long enough."""
        if now < self._next_end:
            return []
        ids = [number for number, waiting in self._tickets.items() if waiting.until <= now]
        for number in ids:
            self.cancel(number)
        self._next_end = min((waiting.until for waiting in self._tickets.values()), default=inf)
        return ids

    def cancel(self, number: int) -> None:
        """Remove one; unknown numbers are ignored."""
        waiting = self._tickets.pop(number, None)
        if waiting is None:
            return
        self._bytes -= waiting.size
        ids = self._by_model[waiting.model]
        del ids[number]
        if not ids:
            del self._by_model[waiting.model]
