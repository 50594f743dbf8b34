"""Totals of all endpoints of a pool for one kind of request, kept up to date change by change.

Small pools are one list. Larger ones are cut into blocks, of which only the maximum matters to most picks: a changed
count costs one block, a pick the blocks' maxima and the best block, so about the square root of the pool.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from modelyard.picking.points import NEVER

if TYPE_CHECKING:
    import random

SMALL = 40
"""Pools up to this size are searched whole: that is faster there."""

MAX_GROUPS = 32
"""Groups of endpoints per ranking whose own rankings are kept; the oldest goes first."""

_SHIFT = 5
BLOCK = 1 << _SHIFT
_MASK = BLOCK - 1
_DRAWS = 16
_FEW_MEMBERS = 64


class Ranking:
    """``static`` points by slot, plus the ``dynamic`` points of own open requests, which all rankings share.

    With ``members``, the slots outside it are never chosen. Members may change, but only at slots in the change log.
    """

    __slots__ = ("_groups", "_members", "epoch", "maxima", "seen", "static", "totals")

    def __init__(self, static: list[int], members: Collection[int] | None = None) -> None:
        self.static = static
        self._members = members
        self._groups: dict[int, Ranking] = {}
        self.totals: list[int] = []
        self.maxima: list[int] = []
        """Of each block; empty in small pools."""
        self.seen = 0
        """How much of the change log is in ``totals``."""
        self.epoch = -1

    def catch_up(self, dynamic: Sequence[int], log: Sequence[int], epoch: int) -> None:
        """Take in the changes of slots named in ``log`` since the last time; all of them in a new ``epoch``."""
        if self.epoch != epoch:
            self._rebuild(dynamic)
            self.epoch = epoch
        elif self.seen != len(log):
            self._apply(dynamic, log)
        self.seen = len(log)

    def _rebuild(self, dynamic: Sequence[int]) -> None:
        self.totals = totals = list(map(int.__add__, self.static, dynamic))
        members = self._members
        if members is not None:
            self.totals = totals = [total if slot in members else NEVER for slot, total in enumerate(totals)]
        self._groups.clear()
        if len(totals) > SMALL:
            self.maxima = [max(totals[at : at + BLOCK]) for at in range(0, len(totals), BLOCK)]

    def _apply(self, dynamic: Sequence[int], log: Sequence[int]) -> None:
        totals, static, maxima, members = self.totals, self.static, self.maxima, self._members
        for slot in log[self.seen :]:
            total = static[slot] + dynamic[slot] if members is None or slot in members else NEVER
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

    def best_of(self, members: Collection[int], dynamic: Sequence[int], log: Sequence[int], rng: random.Random) -> int:
        """The member with the highest total, equals at random; -1 where none may be chosen.

        For a large pool. A large set gets a ranking of its own, kept as long as it is the same object; a list is taken
        to be for once.
        """
        if len(members) > _FEW_MEMBERS and isinstance(members, set):
            group = self._group(members)
            group.catch_up(dynamic, log, self.epoch)
            return Overlay(group).draw(rng)
        totals = self.totals
        top = max(map(totals.__getitem__, members))
        if top < 0:
            return -1
        tied = [slot for slot in members if totals[slot] == top]
        return tied[int(rng.random() * len(tied))]

    def _group(self, members: Collection[int]) -> Ranking:
        groups = self._groups
        group = groups.get(id(members))
        if group is None:
            if len(groups) >= MAX_GROUPS:
                del groups[next(iter(groups))]
            group = groups[id(members)] = Ranking(self.static, members)
        return group


class Overlay:
    """A large pool's ranking with the changes that one pick makes to it."""

    __slots__ = ("_maxima", "_segments", "_totals")

    def __init__(self, ranking: Ranking) -> None:
        self._totals = ranking.totals
        self._maxima = ranking.maxima
        self._segments: dict[int, list[int]] = {}
        """Blocks that differ from the ranking's."""

    def total(self, slot: int) -> int:
        """The total of one slot."""
        segment = self._segments.get(slot >> _SHIFT)
        return self._totals[slot] if segment is None else segment[slot & _MASK]

    def top(self) -> int:
        """The highest total."""
        return max(self._maxima)

    def put(self, slot: int, total: int) -> None:
        """Change one total."""
        block = slot >> _SHIFT
        if not self._segments:
            self._maxima = self._maxima.copy()
        segment = self._segments.get(block)
        if segment is None:
            at = block << _SHIFT
            segment = self._segments[block] = self._totals[at : at + BLOCK]
        segment[slot & _MASK] = total
        self._maxima[block] = max(segment)

    def draw(self, rng: random.Random, top: int | None = None) -> int:
        """A slot with the highest total (``top``, if known), each as likely; -1 where none may be chosen."""
        maxima = self._maxima
        if top is None:
            top = max(maxima)
        if top < 0:
            return -1
        if maxima.count(top) > 1:
            return self._draw_from_many(top, rng)
        block = maxima.index(top)
        segment = self._segment(block)
        ties = segment.count(top)
        place = segment.index(top)
        if ties > 1:
            for _ in range(int(rng.random() * ties)):
                place = segment.index(top, place + 1)
        return (block << _SHIFT) + place

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
