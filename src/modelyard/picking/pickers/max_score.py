"""``max-score-picker``: the highest total."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.picking.policy import Board, Picker

if TYPE_CHECKING:
    import random


class MaxScorePicker(Picker):
    """Best first; equals in random order."""

    type = "max-score-picker"
    takes_best = True

    def pick(self, board: Board, count: int, rng: random.Random) -> list[int]:
        return board.best(count, rng)
