"""Totals of all endpoints of a pool for one kind of request, kept up to date change by change.

Small pools are one list. Larger ones are cut into blocks, of which only the maximum matters to most picks: a changed
count costs one block, a pick the blocks' maxima and the best block, so about the square root of the pool.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

SMALL = 64
"""Pools up to this size are searched whole: that is faster there."""

_SHIFT = 5
BLOCK = 1 << _SHIFT
_MASK = BLOCK - 1
_TIED_BLOCKS = 4
_DRAWS = 16


class Ranking:
    """``static`` points by slot, plus the ``dynamic`` points of own open requests, which all rankings share."""

    __slots__ = ("epoch", "maxima", "seen", "static", "totals")

    def __init__(self, static: list[int]) -> None:
        self.static = static
        self.totals: list[int] = []
        self.maxima: list[int] = []
        """Of each block; empty in small pools."""
        self.seen = 0
        """How much of the change log is in ``totals``."""
        self.epoch = -1

    def rebuild(self, dynamic: Sequence[int], seen: int, epoch: int) -> None:
        """Compute everything again."""
        self.totals = totals = list(map(int.__add__, self.static, dynamic))
        self.seen = seen
        self.epoch = epoch
        if len(totals) > SMALL:
            self.maxima = [max(totals[at : at + BLOCK]) for at in range(0, len(totals), BLOCK)]

    def catch_up(self, dynamic: Sequence[int], log: Sequence[int]) -> None:
        """Take in the changes of slots named in ``log`` since the last time."""
        totals, static, maxima = self.totals, self.static, self.maxima
        for slot in log[self.seen :]:
            total = static[slot] + dynamic[slot]
            before = totals[slot]
            if total == before:
                continue
            totals[slot] = total
            if maxima:
                block = slot >> _SHIFT
                if total > maxima[block]:
                    maxima[block] = total
                elif before == maxima[block]:
                    at = block << _SHIFT
                    maxima[block] = max(totals[at : at + BLOCK])
        self.seen = len(log)

    def champions(self, members: Collection[int], rng: random.Random) -> list[int]:
        """The members with the highest total, or some of them where they are many."""
        totals, maxima = self.totals, self.maxima
        top = max(maxima)
        if maxima.count(top) > _TIED_BLOCKS:
            size = len(totals)
            for _ in range(_DRAWS):
                slot = int(rng.random() * size)
                if totals[slot] == top and slot in members:
                    return [slot]
        best = 0
        found: list[int] = []
        for block in sorted(range(len(maxima)), key=maxima.__getitem__, reverse=True):
            if maxima[block] < best:
                break
            at = block << _SHIFT
            for slot, total in enumerate(totals[at : at + BLOCK], at):
                if total >= best and slot in members:
                    if total > best:
                        best = total
                        found.clear()
                    found.append(slot)
        return found


class Overlay:
    """A ranking with the changes that one pick makes to it."""

    __slots__ = ("_maxima", "_segments", "_totals")

    def __init__(self, ranking: Ranking) -> None:
        self._totals = ranking.totals
        self._maxima = ranking.maxima.copy()
        self._segments: dict[int, list[int]] = {}

    def total(self, slot: int) -> int:
        segment = self._segments.get(slot >> _SHIFT)
        return self._totals[slot] if segment is None else segment[slot & _MASK]

    def top(self) -> int:
        """The highest total."""
        return max(self._maxima)

    def put(self, slot: int, total: int) -> None:
        """Change one total."""
        block = slot >> _SHIFT
        segment = self._segments.get(block)
        if segment is None:
            at = block << _SHIFT
            segment = self._segments[block] = self._totals[at : at + BLOCK]
        segment[slot & _MASK] = total
        self._maxima[block] = max(segment)

    def draw(self, rng: random.Random) -> int:
        """A slot with the highest total, each as likely; -1 where none may be chosen."""
        maxima = self._maxima
        top = max(maxima)
        if top < 0:
            return -1
        if maxima.count(top) == 1:
            block = maxima.index(top)
            segment = self._segment(block)
            ties = segment.count(top)
            place = segment.index(top)
            for _ in range(int(rng.random() * ties) if ties > 1 else 0):
                place = segment.index(top, place + 1)
            return (block << _SHIFT) + place
        return self._draw_from_many(top, rng)

    def _draw_from_many(self, top: int, rng: random.Random) -> int:
        """Many equals: a blind draw mostly hits one, and a hit is as likely for each of them."""
        size = len(self._totals)
        for _ in range(_DRAWS):
            slot = int(rng.random() * size)
            if self.total(slot) == top:
                return slot
        tied = [
            (block << _SHIFT) + place
            for block, maximum in enumerate(self._maxima)
            if maximum == top
            for place, total in enumerate(self._segment(block))
            if total == top
        ]
        return tied[int(rng.random() * len(tied))]

    def _segment(self, block: int) -> list[int]:
        segment = self._segments.get(block)
        if segment is None:
            at = block << _SHIFT
            return self._totals[at : at + BLOCK]
        return segment
