"""Label values that clients choose, so many of them and no more: each is a time series as long as it is kept."""

from __future__ import annotations

OTHER = "other"
LONGEST = 1024
"""Characters of a value, as many as a model's name may have bytes; longer ones are ``other``."""


class BoundedLabels:
    """The first values are labels, the rest is ``other``."""

    __slots__ = ("_known", "_most")

    def __init__(self, most: int) -> None:
        self._known: set[str] = set()
        self._most = most

    def of(self, value: str, *, learn: bool = True) -> str:
        """The label of ``value``; ``learn`` False: a new one gets none."""
        if not value or value in self._known:
            return value
        if not learn or len(self._known) >= self._most or len(value) > LONGEST:
            return OTHER
        self._known.add(value)
        return value
