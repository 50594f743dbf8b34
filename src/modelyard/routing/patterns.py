"""Regular expressions of matches."""

from __future__ import annotations

import re


class PatternError(ValueError):
    """An expression that cannot be used; the message says why and what to write instead."""


class Pattern:
    """A checked expression that must match the whole value."""

    __slots__ = ("_fullmatch", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self._fullmatch = re.compile(source).fullmatch

    def fits(self, value: str) -> bool:
        """Whether the whole ``value`` matches."""
        return self._fullmatch(value) is not None
