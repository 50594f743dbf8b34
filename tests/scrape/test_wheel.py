"""The schedule: never early, at most a tick late, nothing lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelyard.scrape.wheel import Due, Wheel


def marking(seen: list[float], at: float) -> Due:
    return lambda now: seen.append(at)


@given(st.lists(st.floats(0, 100), max_size=50), st.lists(st.floats(0, 100), max_size=20))
def test_everything_comes_once_and_never_early(times: list[float], looks: list[float]) -> None:
    wheel, seen = Wheel(0.02), list[float]()
    for at in times:
        wheel.add(at, marking(seen, at))
    for now in sorted(looks):
        for due in wheel.pop(now):
            due(now)
        assert all(at <= now for at in seen)
        assert sorted(seen) == sorted(at for at in times if at in seen)
        assert all(at in seen for at in times if at <= now - 0.021)
    for due in wheel.pop(101.0):
        due(101.0)
    assert sorted(seen) == sorted(times)
    assert wheel.next_at is None


def test_one_tick_is_one_bucket_and_earlier_ones_are_told() -> None:
    earlier: list[float | None] = []
    wheel = Wheel(1.0, lambda: earlier.append(wheel.next_at))
    for at in (5.5, 5.9, 7.0, 3.2, 4.0):
        wheel.add(at, lambda now: None)
    assert earlier == [6.0, 4.0]
    assert len(wheel.pop(4.0)) == 2
    assert len(wheel.pop(6.0)) == 2
    assert wheel.next_at == 7.0
