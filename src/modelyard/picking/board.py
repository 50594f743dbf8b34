"""The totals of one pick, as pickers see them: one form for small pools and unusual requests, one for large pools."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from modelyard.picking.points import NEVER
from modelyard.picking.ranking import Overlay, Ranking

if TYPE_CHECKING:
    import random


def best_of(totals: Sequence[int], rng: random.Random) -> int:
    """The slot with the highest total, equals at random; -1 where none may be chosen."""
    top = max(totals)
    if top < 0:
        return -1
    slot = totals.index(top)
    ties = totals.count(top)
    if ties > 1:
        for _ in range(int(rng.random() * ties)):
            slot = totals.index(top, slot + 1)
    return slot


class FlatBoard:
    """All totals in one list, which is the board's own."""

    __slots__ = ("totals",)

    def __init__(self, totals: list[int]) -> None:
        self.totals = totals

    def slots(self) -> Sequence[int]:
        return [slot for slot, total in enumerate(self.totals) if total >= 0]

    def total(self, slot: int) -> int:
        return self.totals[slot]

    def ceiling(self) -> int:
        return max(self.totals)

    def best(self, count: int, rng: random.Random) -> list[int]:
        totals = self.totals
        chosen: list[int] = []
        while len(chosen) < count:
            slot = best_of(totals, rng)
            if slot < 0:
                break
            chosen.append(slot)
            totals[slot] = NEVER
        return chosen


class BlockBoard:
    """A large pool's ranking, and what this request adds to few of its slots. Exact for one answer.

    Of the slots that the request favours only the best are remembered; further answers may miss others.
    """

    __slots__ = ("_best", "_boost", "_out", "_overlay", "_ranking", "_slots", "_winners", "highest")

    def __init__(
        self, ranking: Ranking, slots: Sequence[int], boost: Callable[[int], int], out: Collection[int] = ()
    ) -> None:
        self._ranking = ranking
        self._slots = slots
        self._boost = boost
        self._out = out
        self._overlay = Overlay(ranking)
        for slot in out:
            self._overlay.put(slot, NEVER)
        self.highest = self._overlay.top()
        """The highest total before the request's own points."""
        self._best = NEVER
        self._winners: list[int] = []

    def favour(self, slots: Iterable[int]) -> None:
        """Give ``slots`` what the request adds to them."""
        totals, boost = self._ranking.totals, self._boost
        for slot in slots:
            total = totals[slot] + boost(slot)
            if total > self._best:
                self._best = total
                self._winners = [slot]
            elif total == self._best and slot not in self._winners:
                self._winners.append(slot)

    def slots(self) -> Sequence[int]:
        return [slot for slot in self._slots if slot not in self._out] if self._out else self._slots

    def total(self, slot: int) -> int:
        return self._ranking.totals[slot] + self._boost(slot)

    def ceiling(self) -> int:
        return max(self.highest, self._best)

    def best(self, count: int, rng: random.Random) -> list[int]:
        winners = self._winners
        if count == 1 and self._best > self.highest:
            return winners if len(winners) == 1 else [winners[int(rng.random() * len(winners))]]
        overlay = self._overlay
        if self._best >= max(self.highest, 0):
            for slot in winners:
                overlay.put(slot, self._best)
        return _draw(overlay, self.ceiling(), count, rng)


def _draw(overlay: Overlay, top: int, count: int, rng: random.Random) -> list[int]:
    slot = overlay.draw(rng, top)
    chosen = [] if slot < 0 else [slot]
    while chosen and len(chosen) < count:
        overlay.put(slot, NEVER)
        slot = overlay.draw(rng)
        if slot < 0:
            break
        chosen.append(slot)
    return chosen
