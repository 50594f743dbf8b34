"""Scores as points."""

from __future__ import annotations

from math import inf, nan

import pytest

from modelyard.picking.points import NEVER, POINT, add_points, clamp, known, points


@pytest.mark.parametrize(
    ("score", "expected"),
    [(0.5, 0.5), (0.0, 0.0), (1.0, 1.0), (-1.0, 0.0), (2.0, 1.0), (inf, 1.0), (-inf, 0.0), (nan, 0.0)],
)
def test_scores_are_clamped_and_nan_is_nothing(score: float, expected: float) -> None:
    assert clamp(score) == expected


def test_points_are_whole_and_scale_with_the_weight() -> None:
    assert points(2.0, 0.5) == POINT
    assert points(0.0, 1.0) == 0
    assert points(1.0, 1 / 3) == 333333


def test_unknown_scores_become_the_mean_of_the_known() -> None:
    assert known([0.0, None, 0.5]) == [0.0, 0.25, 0.5]
    assert known([None, 2.0]) == [1.0, 2.0]
    assert known([None, None]) == [1.0, 1.0]
    assert known([]) == []


def test_points_are_added_to_the_slots_of_the_candidates() -> None:
    totals = [NEVER, 0, 5]
    add_points(totals, [2, 1], 2.0, [1.0, nan])
    assert totals == [NEVER, 0, 5 + 2 * POINT]
