from __future__ import annotations

import random
from typing import Any

from modelyard.picking.board import FlatBoard
from modelyard.picking.pickers.max_score import MaxScorePicker


def test_best_first_with_equals_in_random_order(build: Any) -> None:
    picker = build.policy(MaxScorePicker)
    answers = {tuple(picker.pick(FlatBoard([1, 7, 7, 5]), 3, random.Random(seed))) for seed in range(30)}
    assert answers == {(1, 2, 3), (2, 1, 3)}
