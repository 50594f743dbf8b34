from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.sizing.drain_time import DrainFacts, drain_time


def test_the_reasoning_step_by_step() -> None:
    found = drain_time(DrainFacts(output_tokens=4096, token_time=0.01, propagation=30.0))
    assert found.generating == pytest.approx(40.96)
    assert found.longest == pytest.approx(49.152)
    assert found.buffer == pytest.approx(39.576)
    assert (found.grace, found.pre_stop) == (119, 30)


def test_what_was_measured_counts_where_it_is_longer() -> None:
    found = drain_time(DrainFacts(output_tokens=100, token_time=0.01, propagation=0.0, measured_longest=60.0))
    assert (found.longest, found.grace) == (60.0, 90)


@pytest.mark.parametrize("facts", [{"output_tokens": 0}, {"token_time": 0.0}, {"propagation": -1.0}, {"buffer": -0.5}])
def test_what_cannot_be_is_refused(facts: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"or more|above 0"):
        drain_time(DrainFacts(**{"output_tokens": 10, "token_time": 0.1, **facts}))  # type: ignore[arg-type]


@given(tokens=st.integers(1, 10**6), time=st.floats(1e-5, 10), delay=st.floats(0, 600), buffer=st.floats(0, 3))
def test_the_grace_covers_the_longest_request_and_the_delay(
    tokens: int, time: float, delay: float, buffer: float
) -> None:
    found = drain_time(DrainFacts(output_tokens=tokens, token_time=time, propagation=delay, buffer=buffer))
    assert found.grace >= round(found.longest + delay, 6)
    assert found.pre_stop >= delay
