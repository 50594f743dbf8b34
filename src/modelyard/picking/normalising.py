"""Readings made comparable."""

from __future__ import annotations

from collections.abc import Sequence


def lower_is_better(values: Sequence[float | None]) -> Sequence[float | None]:
    """(max - value) / (max - min): the lowest gets 1, the highest 0; all equal: 1. Unknown values stay unknown."""
    numbers = [value for value in values if value is not None]
    low = min(numbers, default=0)
    high = max(numbers, default=0)
    spread = high - low
    if spread == 0:
        return [None if value is None else 1.0 for value in values]
    return [None if value is None else (high - value) / spread for value in values]
