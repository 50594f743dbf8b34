"""How far a fetch is."""

from __future__ import annotations

from collections import deque
from typing import Literal

import msgspec

Phase = Literal["waiting", "listing", "fetching", "cached", "verifying", "done"]

_UNITS = ("B", "KB", "MB", "GB", "TB")
_WINDOW = 10.0
"""Seconds over which the rate is taken: long enough to be steady, short enough to follow a line that changes."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """A moment of a fetch. ``str`` is a line for people."""

    phase: Phase
    """``waiting``: another process fetches the same. ``cached``: files of the hub's cache are checked and taken.
    ``verifying``: bytes that are here already are read and checked."""
    source: str
    done: int = 0
    """Bytes that are here, those of earlier runs included."""
    total: int = 0
    """Bytes in all; 0 before the listing is known."""
    files_done: int = 0
    files: int = 0
    rate: float = 0.0
    """Bytes per second lately."""
    seconds_left: float | None = None
    """None: not known."""
    file: str = ""
    """One of the files in work."""
    note: str = ""
    """What a person should know now, such as who holds the lock or why an attempt failed."""

    def __str__(self) -> str:
        text = {
            "waiting": f"waits for another process that fetches {self.source}",
            "listing": f"asks what {self.source} has",
            "fetching": f"fetches {self.source}: {self._bytes()}",
            "cached": f"takes {self.source} from the hub's cache: {self._bytes()}",
            "verifying": f"verifies {self.source}: {self._bytes()}",
            "done": f"{self.source} is here: {readable_size(self.total)}",
        }[self.phase]
        return f"{text} ({self.note})" if self.note else text

    def _bytes(self) -> str:
        text = f"{readable_size(self.done)} of {readable_size(self.total)}"
        if self.rate:
            text += f", {readable_size(self.rate)}/s"
        if self.seconds_left is not None:
            text += f", {readable_time(self.seconds_left)} left"
        return text


class Rate:
    """Bytes per second over the last seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, now: float, done: int) -> None:
        """So many bytes at this time (seconds of any steady clock)."""
        self._samples.append((now, done))
        while len(self._samples) > 2 and self._samples[1][0] <= now - _WINDOW:
            self._samples.popleft()

    @property
    def value(self) -> float:
        """0 while nothing can be said."""
        if len(self._samples) < 2:
            return 0.0
        (start, first), (end, last) = self._samples[0], self._samples[-1]
        return max(0.0, (last - first) / (end - start)) if end > start else 0.0

    def seconds_left(self, todo: int) -> float | None:
        """At this rate; None where it cannot be said."""
        return todo / self.value if self.value else None


def readable_size(size: float) -> str:
    """Bytes as people read them, in decimal units: ``5.2 GB``."""
    unit = 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size /= 1000
        unit += 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 or size >= 99.5 else f"{size:.1f} {_UNITS[unit]}"


def readable_time(seconds: float) -> str:
    """``42 s``, ``3 min 05 s``, ``2 h 10 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
