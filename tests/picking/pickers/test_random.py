from __future__ import annotations

import random
from collections import Counter
from typing import Any

from modelyard.picking.board import FlatBoard
from modelyard.picking.pickers.random import RandomPicker


def test_totals_do_not_matter(build: Any) -> None:
    picker, rng = build.policy(RandomPicker), random.Random(1)
    counts = Counter(picker.pick(FlatBoard([0, 1000, -1, 5]), 1, rng)[0] for _ in range(3000))
    assert set(counts) == {0, 1, 3}
    assert all(850 < count < 1150 for count in counts.values())
