from __future__ import annotations

import pytest

from modelyard.weights.progress import Progress, Rate, readable_size, readable_time


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (999_499, "999 KB"), (999_500, "1.0 MB"), (5.24e9, "5.2 GB")],
)
def test_sizes(size: float, text: str) -> None:
    assert readable_size(size) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (61, "1 min 01 s"), (7830, "2 h 10 min")])
def test_times(seconds: float, text: str) -> None:
    assert readable_time(seconds) == text


def test_the_rate_is_that_of_the_last_seconds() -> None:
    rate = Rate()
    assert rate.value == 0
    assert rate.seconds_left(100) is None
    for second in range(30):
        rate.add(float(second), 1000 * min(second, 15))
    assert rate.value == 0
    rate.add(30.0, 25_000)
    assert rate.value == pytest.approx(1000)
    assert rate.seconds_left(5000) == pytest.approx(5)


def test_a_line_for_people() -> None:
    moment = Progress(phase="fetching", source="a/b", done=10**9, total=4 * 10**9, rate=1e8, seconds_left=30.0)
    assert str(moment) == "fetches a/b: 1.0 GB of 4.0 GB, 100 MB/s, 30 s left"
    waiting = Progress(phase="waiting", source="a/b", note="process 7")
    assert str(waiting) == "waits for another process that fetches a/b (process 7)"
