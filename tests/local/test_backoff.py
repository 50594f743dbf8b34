from __future__ import annotations

from modelyard.local.backoff import FORGET_SECONDS, LONGEST_SECONDS, Backoff


def test_it_doubles_to_the_longest() -> None:
    backoff, delays = Backoff(), []
    for _ in range(12):
        backoff = backoff.after_run(1.0)
        delays.append(backoff.delay)
    assert delays[:5] == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert delays[-1] == LONGEST_SECONDS


def test_a_long_run_is_forgiven() -> None:
    assert Backoff(failures=9).after_run(FORGET_SECONDS).delay == 1.0


def test_many_failures_do_not_overflow() -> None:
    assert Backoff(failures=10**6).delay == LONGEST_SECONDS
