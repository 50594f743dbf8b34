from __future__ import annotations

from modelyard.picking.normalising import lower_is_better


def test_the_lowest_gets_one_and_the_highest_zero() -> None:
    assert lower_is_better([0, 5, 10]) == [1.0, 0.5, 0.0]


def test_equals_get_one() -> None:
    assert lower_is_better([7, 7]) == [1.0, 1.0]
    assert lower_is_better([7]) == [1.0]


def test_unknown_stays_unknown() -> None:
    assert lower_is_better([None, 2, 4]) == [None, 1.0, 0.0]
    assert lower_is_better([None]) == [None]
    assert lower_is_better([]) == []
