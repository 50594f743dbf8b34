"""The totals of one pick, as pickers see them: one form for small pools and unusual requests, one for large pools."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from modelyard.picking.points import NEVER
from modelyard.picking.ranking import Overlay, Ranking

if TYPE_CHECKING:
    import random


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
            top = max(totals)
            if top < 0:
                break
            slot = totals.index(top)
            for _ in range(int(rng.random() * totals.count(top))):
                slot = totals.index(top, slot + 1)
            chosen.append(slot)
            totals[slot] = NEVER
        return chosen


class BlockBoard:
    """A large pool's ranking, and what this request adds to few of its slots.

    Exact for the primary. Fallbacks may miss an endpoint that only its share of a prefix held by many would lift.
    """

    __slots__ = ("_boost", "_overlay", "_ranking", "_slots")

    def __init__(self, ranking: Ranking, slots: Sequence[int], boost: Callable[[int], int]) -> None:
        self._ranking = ranking
        self._slots = slots
        self._boost = boost
        self._overlay = Overlay(ranking)

    def raise_slot(self, slot: int) -> None:
        """Give ``slot`` what the request adds to it."""
        self._overlay.put(slot, self._ranking.totals[slot] + self._boost(slot))

    def top(self) -> int:
        return self._overlay.top()

    def slots(self) -> Sequence[int]:
        return self._slots

    def total(self, slot: int) -> int:
        return self._ranking.totals[slot] + self._boost(slot)

    def ceiling(self) -> int:
        return self._overlay.top()

    def best(self, count: int, rng: random.Random) -> list[int]:
        overlay = self._overlay
        chosen: list[int] = []
        while len(chosen) < count:
            slot = overlay.draw(rng)
            if slot < 0:
                break
            chosen.append(slot)
            if len(chosen) < count:
                overlay.put(slot, NEVER)
        return chosen
