from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from modelyard.picking.board import FlatBoard
from modelyard.picking.pickers.weighted_random import WeightedRandomPicker


@pytest.mark.parametrize("totals", [[100, 300, -1, 600], [0, 0, 0], [1, 1_000_000_000, *[0] * 500, 1]])
def test_odds_are_in_proportion_to_totals(build: Any, totals: list[int]) -> None:
    picker, rng = build.policy(WeightedRandomPicker), random.Random(1)
    counts = Counter(picker.pick(FlatBoard(totals.copy()), 1, rng)[0] for _ in range(5000))
    shares = [max(total, 0) for total in totals] if any(total > 0 for total in totals) else [1] * len(totals)
    for slot, share in enumerate(shares):
        assert counts[slot] == pytest.approx(5000 * share / sum(shares), abs=200)


def test_fallbacks_are_drawn_without_the_ones_before(build: Any) -> None:
    picker = build.policy(WeightedRandomPicker)
    assert sorted(picker.pick(FlatBoard([1, 10**9, 0, -1]), 9, random.Random(1))) == [0, 1, 2]


@pytest.mark.parametrize("size", [5, 100])
def test_in_a_pool(build: Any, size: int) -> None:
    config = "plugins: [{type: active-request-scorer}, {type: weighted-random-picker}]"
    scheduler = build.scheduler(build.equal_fleet(size), config)
    assert len({endpoint.address for endpoint in scheduler.pick(build_request(), 0.1).targets}) == 3


def build_request() -> Any:
    from modelyard.picking.contract import PickRequest

    return PickRequest("m", "m", b"x" * 3000)
