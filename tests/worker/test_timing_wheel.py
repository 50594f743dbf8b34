from __future__ import annotations

import asyncio
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.worker.timing_wheel import FAR, HORIZON, LATE_TURNS, OFF, TICKS_PER_SECOND, TimingWheel

TICK = 1 / TICKS_PER_SECOND


class Entry:
    def __init__(self) -> None:
        self.due = 0.0
        self.tick = 0
        self.calls: list[float] = []

    def on_due(self, now: float) -> None:
        self.calls.append(now)


@pytest.fixture
def wheel() -> TimingWheel:
    return TimingWheel(cast("asyncio.AbstractEventLoop", None))


def advance(wheel: TimingWheel, seconds: float) -> float:
    """Let time pass tick by tick; the time then."""
    end = wheel.now + seconds
    while wheel.now < end:
        wheel.advance(wheel.now + TICK)
    return wheel.now


def test_a_deadline_fires_once_and_not_early(wheel: TimingWheel) -> None:
    entry = Entry()
    due = wheel.now + 0.35
    wheel.set(entry, due)
    advance(wheel, 1)
    assert len(entry.calls) == 1
    assert due <= entry.calls[0] <= due + 3 * TICK


def test_a_deadline_moved_later_by_assignment_fires_then(wheel: TimingWheel) -> None:
    entry = Entry()
    wheel.set(entry, wheel.now + 1)
    entry.due = later = wheel.now + 9
    advance(wheel, 8.5)
    assert not entry.calls
    advance(wheel, 1)
    assert len(entry.calls) == 1
    assert entry.calls[0] >= later


def test_a_deadline_moved_earlier_fires_early_and_once(wheel: TimingWheel) -> None:
    entry = Entry()
    wheel.set(entry, wheel.now + 4)
    wheel.set(entry, wheel.now + 1)
    advance(wheel, 2)
    assert len(entry.calls) == 1
    advance(wheel, 10)
    assert len(entry.calls) == 1


def test_a_far_deadline_keeps_its_entry_and_off_drops_it(wheel: TimingWheel) -> None:
    entry = Entry()
    wheel.set(entry, FAR)
    advance(wheel, 3 * HORIZON * TICK)
    assert entry.tick
    entry.due = OFF
    advance(wheel, 2 * HORIZON * TICK)
    assert not entry.tick
    assert not entry.calls


def test_a_past_deadline_fires_with_the_next_tick(wheel: TimingWheel) -> None:
    entry = Entry()
    wheel.set(entry, wheel.now - 100)
    advance(wheel, 2 * TICK)
    assert len(entry.calls) == 1


def test_a_loop_that_stood_still_misses_nothing(wheel: TimingWheel) -> None:
    entries = [Entry() for _ in range(50)]
    for index, entry in enumerate(entries):
        wheel.set(entry, wheel.now + index / 10)
    wheel.advance(wheel.now + 3600)
    wheel.advance(wheel.now + 1)
    assert all(len(entry.calls) == 1 for entry in entries)


def test_a_failing_entry_does_not_stop_the_others(wheel: TimingWheel) -> None:
    class Failing(Entry):
        def on_due(self, now: float) -> None:
            raise RuntimeError("on purpose")

    failing, entry = Failing(), Entry()
    wheel.set(failing, wheel.now + 1)
    wheel.set(entry, wheel.now + 1)
    advance(wheel, 2)
    assert len(entry.calls) == 1


def test_periodic_calls(wheel: TimingWheel) -> None:
    ticks: list[float] = []
    seconds: list[float] = []

    def failing(now: float) -> None:
        raise RuntimeError("on purpose")

    wheel.every_tick(failing)
    wheel.every_tick(ticks.append)
    wheel.every_second(seconds.append)
    advance(wheel, 3)
    assert len(ticks) >= 29
    assert 3 <= len(seconds) <= 4


@given(st.lists(st.floats(0, 20), min_size=1, max_size=20))
def test_only_the_last_deadline_counts(offsets: list[float]) -> None:
    wheel = TimingWheel(cast("asyncio.AbstractEventLoop", None))
    entry = Entry()
    start = wheel.now
    for offset in offsets:
        wheel.set(entry, start + offset)
    advance(wheel, 21)
    assert len(entry.calls) == 1
    assert start + offsets[-1] <= entry.calls[0] <= start + offsets[-1] + 3 * TICK


def test_after_a_standstill_sockets_come_before_deadlines(wheel: TimingWheel) -> None:
    entry = Entry()
    wheel.set(entry, wheel.now + 2)
    now = wheel.now + 30
    for _ in range(LATE_TURNS):
        wheel.turn(now)
        assert not entry.calls
        now += TICK
    wheel.turn(now)
    assert entry.calls == [now]
    later = Entry()
    wheel.set(later, wheel.now + 2)
    end = wheel.now + 3
    while now < end:
        now += TICK
        wheel.turn(now)
    assert len(later.calls) == 1, "turns in time are not held up"


def test_deadlines_are_not_put_off_for_ever_where_every_turn_is_late(wheel: TimingWheel) -> None:
    entry = Entry()
    wheel.set(entry, wheel.now + 1)
    start = wheel.now
    for turn in range(1, 2 * LATE_TURNS + 2):
        wheel.turn(start + turn)
    assert entry.calls
