"""The board of a large pool against adding everything up."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.picking.groups import Groups, boost_of
from modelyard.picking.large_pool import large_board
from modelyard.picking.points import NEVER
from modelyard.picking.ranking import Ranking


def groups(rng: random.Random, size: int) -> Groups:
    """Nested or disjoint, small or large."""
    members = sorted(rng.sample(range(size), rng.choice([1, 5, 30, size // 2, size])))
    cut = rng.randrange(len(members))
    inner = set(members[:cut])
    outer = set(members) if rng.random() < 0.5 else set(members[cut:])
    return [(rng.choice([20, 9]), inner), (rng.choice([3, 9]), outer)] if inner else [(5, outer)]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9), count=st.integers(0, 3))
def test_the_best_is_found(seed: int, count: int) -> None:
    rng = random.Random(seed)
    size = rng.choice([41, 100, 300])
    totals = [rng.choice([NEVER, 5, rng.randrange(30)]) for _ in range(size)]
    ranking = Ranking(totals)
    ranking.catch_up([0] * size, [], 0)
    sources = [groups(rng, size) for _ in range(count)]
    out = rng.sample(range(size), rng.choice([0, 0, 3]))
    slots = [slot for slot, total in enumerate(totals) if total >= 0]
    board = large_board(ranking, slots, sources, out, lambda some: ranking.best_of(some, [0] * size, [], rng))
    final = {slot: totals[slot] + boost_of(slot, sources) for slot in slots if slot not in out}
    if board is None:
        assert count == 3 or out
        return
    assert sorted(board.slots()) == sorted(final)
    for _ in range(5):
        assert final[board.best(1, rng)[0]] == max(final.values())
