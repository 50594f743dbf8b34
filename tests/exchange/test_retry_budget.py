"""Retries are bounded by requests and by time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelyard.exchange.retry_budget import RetryBudget


def test_retries_stop_when_the_budget_is_spent() -> None:
    budget = RetryBudget()
    granted = sum(budget.withdraw(0.0) for _ in range(1000))
    assert granted == 100


def test_time_and_requests_refill_it() -> None:
    budget = RetryBudget()
    while budget.withdraw(0.0):
        pass
    assert budget.withdraw(0.2)
    assert budget.withdraw(0.2)
    assert not budget.withdraw(0.2)
    for _ in range(5):
        budget.deposit()
    assert budget.withdraw(0.2)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=400))
def test_never_more_than_floor_ratio_and_cap_allow(steps: list[tuple[bool, float]]) -> None:
    budget, now, requests, retries = RetryBudget(), 0.0, 0, 0
    for is_request, passed in steps:
        now += passed
        if is_request:
            budget.deposit()
            requests += 1
        else:
            retries += budget.withdraw(now)
    assert retries <= 100 + 0.2 * requests + 10 * now + 1
