from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.flow.drain_rate import DrainRate


def measured(per_second: float, seconds: int = 20) -> DrainRate:
    rate = DrainRate()
    for second in range(seconds):
        rate.observe(float(second))
        rate.completed += int(per_second)
    rate.observe(float(seconds))
    return rate


def test_the_time_to_drain_what_is_ahead() -> None:
    assert measured(10).retry_after(50, 1.0) == 5
    assert measured(10).retry_after(51, 1.0) == 6
    assert measured(1000).retry_after(1, 1.0) == 1


def test_further_above_full_is_longer() -> None:
    assert measured(10).retry_after(50, 3.0) == 15
    assert measured(10).retry_after(50, 0.1) == 5


def test_the_rate_follows_a_change() -> None:
    rate = measured(100)
    before = rate.retry_after(1000, 1.0)
    for second in range(21, 60):
        rate.completed += 20
        rate.observe(float(second))
    assert before == 10
    assert 45 <= rate.retry_after(1000, 1.0) <= 51


def test_a_pool_that_finishes_nothing_and_one_that_was_not_measured() -> None:
    assert measured(0).retry_after(1, 1.0) == 60
    assert DrainRate().retry_after(1, 1.0) == 1


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**9), st.floats(allow_nan=False), st.integers(0, 1000))
def test_the_answer_is_one_to_sixty_seconds(ahead: int, saturation: float, per_second: int) -> None:
    assert 1 <= measured(per_second, 3).retry_after(ahead, saturation) <= 60
