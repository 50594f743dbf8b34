"""``random-picker``: any candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.picking.policy import Board, Picker

if TYPE_CHECKING:
    import random


class RandomPicker(Picker):
    """Each candidate is as likely; totals do not matter."""

    type = "random-picker"

    def pick(self, board: Board, count: int, rng: random.Random) -> list[int]:
        slots = board.slots()
        return rng.sample(slots, min(count, len(slots)))
