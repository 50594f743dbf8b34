"""Readiness as step functions, played as sequences of results."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.fleet.health import (
    CheckState,
    HealthCheck,
    PassiveSettings,
    PassiveState,
    checked,
    set_aside,
    traffic_failed,
)

CHECK = HealthCheck(healthy_threshold=2, unhealthy_threshold=3)


def play(results: str, check: HealthCheck = CHECK) -> list[bool | None]:
    """``+`` passes, ``-`` fails; the readiness after each."""
    state, seen = CheckState(), []
    for at, result in enumerate(results):
        state = checked(state, check, "" if result == "+" else "down", float(at))
        seen.append(state.ready)
    return seen


@pytest.mark.parametrize(
    ("results", "ready"),
    [
        ("+", [True]),
        ("-", [False]),
        ("-++", [False, False, True]),
        ("-+-++", [False, False, False, False, True]),
        ("+--", [True, True, True]),
        ("+---", [True, True, True, False]),
        ("+--+--", [True, True, True, True, True, True]),
        ("+---+", [True, True, True, False, False]),
        ("+---++", [True, True, True, False, False, True]),
    ],
)
def test_thresholds(results: str, ready: list[bool]) -> None:
    assert play(results) == ready


def test_the_reason_is_the_last_failure_and_goes_when_ready() -> None:
    state = checked(CheckState(), CHECK, "refused", 1.0)
    assert (state.ready, state.reason) == (False, "refused")
    state = checked(state, CHECK, "", 2.0)
    assert (state.ready, state.reason, state.last_pass) == (False, "refused", 2.0)
    state = checked(state, CHECK, "", 3.0)
    assert (state.ready, state.reason) == (True, "")


@given(st.text("+-", max_size=30))
def test_readiness_follows_runs_only(results: str) -> None:
    ready = None
    for end in range(1, len(results) + 1):
        now = play(results[:end])[-1]
        if ready is True and now is False:
            assert results[:end].endswith("---")
        if ready is False and now is True:
            assert results[:end].endswith("++")
        ready = now


SETTINGS = PassiveSettings(failures=3, window=10.0, back_off=1.0, max_back_off=4.0, forget=60.0)


def failing(*times: float) -> PassiveState:
    state = PassiveState()
    for at in times:
        state = traffic_failed(state, SETTINGS, at)
    return state


def test_failures_within_the_window_set_aside() -> None:
    checked_at_zero = CheckState(ready=True, last_pass=0.0)
    assert not set_aside(failing(1.0, 2.0), checked_at_zero, 2.0)
    assert not set_aside(failing(1.0, 8.0, 12.0), checked_at_zero, 12.0)
    assert set_aside(failing(1.0, 8.0, 10.5), checked_at_zero, 10.5)


def test_it_comes_back_after_the_back_off_and_a_passed_check() -> None:
    state = failing(1.0, 1.1, 1.2)
    assert set_aside(state, CheckState(ready=True, last_pass=2.0), 2.1)
    assert set_aside(state, CheckState(ready=True, last_pass=1.1), 2.3)
    assert not set_aside(state, CheckState(ready=True, last_pass=1.3), 2.3)


def test_the_back_off_doubles_up_to_its_limit_and_is_forgotten() -> None:
    state, lengths, now = PassiveState(), [], 0.0
    for _ in range(5):
        for _ in range(3):
            state = traffic_failed(state, SETTINGS, now)
        lengths.append(state.until - now)
        now = state.until
    assert lengths == [1.0, 2.0, 4.0, 4.0, 4.0]
    for at in (now + 100, now + 100.1, now + 100.2):
        state = traffic_failed(state, SETTINGS, at)
    assert state.until == pytest.approx(now + 101.2)


def test_failures_while_set_aside_do_not_count() -> None:
    state = failing(1.0, 1.1, 1.2)
    assert traffic_failed(state, SETTINGS, 1.5) is state


@given(st.lists(st.floats(0, 50), max_size=60))
def test_memory_is_bounded(times: list[float]) -> None:
    assert len(failing(*sorted(times)).failed_at) <= SETTINGS.failures
