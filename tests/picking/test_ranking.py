"""The block structure against a plain list."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.picking.points import NEVER
from modelyard.picking.ranking import SMALL, Overlay, Ranking


def ranking_of(totals: list[int]) -> Ranking:
    ranking = Ranking(totals)
    ranking.catch_up([0] * len(totals), [], 0)
    return ranking


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**9), size=st.integers(SMALL + 1, 200), spread=st.sampled_from([1, 3, 1000]))
def test_changes_leave_the_same_as_computing_anew(seed: int, size: int, spread: int) -> None:
    rng = random.Random(seed)
    static = [rng.choice([NEVER, rng.randrange(spread)]) for _ in range(size)]
    members = set(rng.sample(range(size), size // 2))
    dynamic, log = [0] * size, []
    ranking, group = Ranking(static), Ranking(static, members)
    for _ in range(30):
        slot = rng.randrange(size)
        dynamic[slot] = rng.randrange(spread)
        members.symmetric_difference_update(rng.choice([set(), {slot}]))
        log.append(slot)
        if rng.random() < 0.5:
            ranking.catch_up(dynamic, log, 0)
            group.catch_up(dynamic, log, 0)
            fresh = [a + b for a, b in zip(static, dynamic, strict=True)]
            assert ranking.totals == fresh
            assert [total for total in group.totals if total >= 0] == [
                total for slot, total in enumerate(fresh) if slot in members and total >= 0
            ]
            for one in (ranking, group):
                assert max(one.maxima) == max(one.totals)
            best = ranking.best_of(members, dynamic, log, rng)
            open_members = [slot for slot in members if fresh[slot] >= 0]
            if open_members:
                assert best in open_members
                assert fresh[best] == max(fresh[slot] for slot in open_members)
            else:
                assert best == -1


def test_a_new_epoch_computes_everything_anew() -> None:
    ranking = ranking_of([0] * 100)
    ranking.catch_up([5] * 100, [], 1)
    assert ranking.totals == [5] * 100


@pytest.mark.parametrize("tied", [[7], [7, 8], [7, 50, 99], list(range(100))])
def test_draws_are_uniform_among_the_best(tied: list[int]) -> None:
    totals = [3] * 100
    for slot in tied:
        totals[slot] = 9
    ranking, rng = ranking_of(totals), random.Random(1)
    counts = dict.fromkeys(tied, 0)
    for _ in range(200 * len(tied)):
        counts[Overlay(ranking).draw(rng)] += 1
    assert all(120 < count < 280 for count in counts.values()) or len(tied) == 1


def test_an_overlay_changes_nothing_below_it() -> None:
    ranking, rng = ranking_of(list(range(100))), random.Random(1)
    overlay = Overlay(ranking)
    overlay.put(99, NEVER)
    overlay.put(3, 500)
    assert (overlay.top(), overlay.total(3), overlay.total(98), overlay.draw(rng)) == (500, 500, 98, 3)
    overlay.put(3, 3)
    assert overlay.draw(rng) == 98
    assert ranking.totals == list(range(100))
    assert max(ranking.maxima) == 99


def test_nothing_may_be_chosen() -> None:
    ranking, rng = ranking_of([NEVER] * 100), random.Random(1)
    assert Overlay(ranking).draw(rng) == -1
    assert ranking.best_of({1, 2, 3}, [0] * 100, [], rng) == -1


def test_groups_that_are_kept_are_bounded() -> None:
    ranking, rng = ranking_of([1] * 100), random.Random(1)
    for _ in range(100):
        ranking.best_of(set(range(90)), [0] * 100, [], rng)
    assert len(ranking._groups) <= 32
