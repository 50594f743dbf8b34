"""Ids for requests that come without ``x-request-id``, so that a line of any log can be found in every other."""

from __future__ import annotations

import random


class RequestIds:
    """Unique within a fleet in practice: 64 random bits per process, then a count."""

    __slots__ = ("_next", "_prefix")

    def __init__(self, rng: random.Random) -> None:
        self._prefix = f"{rng.getrandbits(64):016x}-"
        self._next = 0

    def new(self) -> str:
        self._next += 1
        return f"{self._prefix}{self._next:x}"
