"""Requests of a fixed rate are due evenly, and what is late is caught up."""

from benchmarks.pacing import Pace


def test_first_one_is_due_at_the_start() -> None:
    pace = Pace(500.0, 10.0)
    assert pace.due(9.9) == []
    assert pace.due(10.0) == [10.0]
    assert pace.due(10.001) == []


def test_late_ones_keep_their_times() -> None:
    pace = Pace(4.0, 0.0)
    assert pace.due(0.6) == [0.0, 0.25, 0.5]
    assert pace.due(1.0) == [0.75, 1.0]
    assert pace.due(1.0) == []


def test_a_clock_that_stands_still_or_goes_back_gives_nothing_twice() -> None:
    pace = Pace(10.0, 0.0)
    given = [time for now in (0.5, 0.5, 0.3, 1.0) for time in pace.due(now)]
    assert given == [number / 10 for number in range(11)]
