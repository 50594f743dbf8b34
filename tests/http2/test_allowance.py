from __future__ import annotations

from modelyard.http2.allowance import Allowance


def test_what_is_there_can_be_spent_and_no_more() -> None:
    allowance = Allowance(3, 0.0, now=0.0)
    assert [allowance.spend(1, 0.0) for _ in range(4)] == [True, True, True, False]


def test_it_comes_back_with_time_up_to_the_most() -> None:
    allowance = Allowance(10, 2.0, now=0.0)
    assert allowance.spend(10, 0.0)
    assert allowance.spend(4, 2.0)
    assert not allowance.spend(1, 2.0)
    assert allowance.spend(9, 1000.0)
    assert not allowance.spend(5, 1000.0)


def test_what_is_earned_counts_up_to_the_most() -> None:
    allowance = Allowance(2, 0.0, now=0.0)
    allowance.spend(2, 0.0)
    for _ in range(100):
        allowance.earn()
    assert [allowance.spend(1, 0.0) for _ in range(3)] == [True, True, False]
