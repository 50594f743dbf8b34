"""``weighted-random-picker``: by chance, in proportion to the totals."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from modelyard.picking.policy import Board, Picker

if TYPE_CHECKING:
    import random

_TRIES = 32


class WeightedRandomPicker(Picker):
    """A candidate's chance is its share of all totals; where all are zero, each is as likely."""

    type = "weighted-random-picker"

    def pick(self, board: Board, count: int, rng: random.Random) -> list[int]:
        slots = board.slots()
        chosen: list[int] = []
        while len(chosen) < min(count, len(slots)):
            slot = _by_rejection(board, slots, chosen, rng)
            chosen.append(_by_sum(board, slots, chosen, rng) if slot is None else slot)
        return chosen


def _by_rejection(board: Board, slots: Sequence[int], chosen: list[int], rng: random.Random) -> int | None:
    """A blind draw, kept with the chance total / ceiling: the right odds without looking at everyone."""
    ceiling = board.ceiling()
    for _ in range(_TRIES if ceiling > 0 else 0):
        slot = slots[int(rng.random() * len(slots))]
        if rng.random() * ceiling < board.total(slot) and slot not in chosen:
            return slot
    return None


def _by_sum(board: Board, slots: Sequence[int], chosen: list[int], rng: random.Random) -> int:
    """The same odds, for totals so uneven that blind draws miss."""
    left = [slot for slot in slots if slot not in chosen]
    sums = list(accumulate(board.total(slot) for slot in left))
    if not sums[-1]:
        return left[int(rng.random() * len(left))]
    return rng.choices(left, cum_weights=sums)[0]
