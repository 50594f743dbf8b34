"""Where the wanted lines were on an endpoint's last metrics page, so that the next one is not searched from end to end.

Between two readings values change and lines do not, so a metric is looked for where it was. That is checked as far as
it can be (the group must begin there, and its lines must follow each other); every ``EVERY`` pages everything is
searched anew, which also finds metrics that were absent.
"""

from __future__ import annotations

EVERY = 5
"""At the usual five readings a second, a metric that appears is seen within a second."""
SLACK = 256
"""Bytes by which lines move as the numbers before them grow."""


class PageLayout:
    """The memory of one endpoint's pages. Mutable; belongs to whoever reads that endpoint."""

    __slots__ = ("_first", "_pages")

    def __init__(self) -> None:
        self._first: dict[bytes, int] = {}
        self._pages = 0

    def next_page(self) -> None:
        """Another page begins."""
        self._pages += 1
        if self._pages % EVERY == 0:
            self._first.clear()

    def first(self, text: bytes, needle: bytes) -> int | None:
        """Where the group of lines that begin with ``needle`` starts; -1: nowhere. None: not known, search."""
        place = self._first.get(needle)
        if place is None or place < 0:
            return place
        at = text.find(needle, max(place - SLACK, 0), place + SLACK + len(needle))
        if at < 0:
            return None
        line_before = text.rfind(b"\n", 0, at)
        return None if line_before >= 0 and text.startswith(needle, line_before) else at

    def note(self, needle: bytes, first: int) -> None:
        """A search of the whole page found one group of lines, from ``first`` on (-1: none)."""
        self._first[needle] = first
