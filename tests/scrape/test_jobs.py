"""Repeated questions on a clock that stands still until it is told to go on."""

from __future__ import annotations

import random
from typing import cast

from modelyard.scrape.client import Client
from modelyard.scrape.jobs import Job, Shared
from modelyard.scrape.settings import ScrapeSettings
from modelyard.scrape.wheel import Wheel


class Clock:
    """Time, and a wheel that turns with it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.wheel = Wheel(0.01)
        self.shared = Shared(
            ScrapeSettings(jitter=0.0), self.wheel, cast(Client, None), lambda: self.now, random.Random(1)
        )

    def go(self, seconds: float) -> None:
        end = self.now + seconds
        while self.wheel.next_at is not None and self.wheel.next_at <= end:
            self.now = max(self.now, self.wheel.next_at)
            for due in self.wheel.pop(self.now):
                due(self.now)
        self.now = end


class Counted(Job):
    """Counts its runs; they last until somebody ends them."""

    runs = 0

    def run(self) -> None:
        self.runs += 1


def test_it_runs_when_told_and_never_twice_at_once() -> None:
    clock = Clock()
    job = Counted(clock.shared)
    clock.go(10)
    assert job.runs == 0
    job.soon()
    job.soon()
    clock.go(0.1)
    assert job.runs == 1
    job.soon()
    clock.go(10)
    assert job.runs == 1


def test_what_was_asked_for_while_it_ran_is_done_after() -> None:
    clock = Clock()
    job = Counted(clock.shared)
    job.soon()
    clock.go(0.1)
    job.soon()
    job.again(60)
    clock.go(0.1)
    assert job.runs == 2


def test_again_waits_and_soon_hurries_it() -> None:
    clock = Clock()
    job = Counted(clock.shared)
    job.soon()
    clock.go(0.1)
    job.again(5)
    clock.go(4.8)
    assert job.runs == 1
    clock.go(0.3)
    assert job.runs == 2
    job.again(5)
    job.soon()
    clock.go(0.1)
    assert job.runs == 3
    job.again(50)
    clock.go(10)
    assert job.runs == 3


def test_rest_waits_for_soon_and_close_ends_it() -> None:
    clock = Clock()
    job = Counted(clock.shared)
    job.soon()
    clock.go(0.1)
    job.rest()
    clock.go(100)
    assert job.runs == 1
    job.soon()
    clock.go(0.1)
    assert job.runs == 2
    job.soon()
    job.rest()
    clock.go(0.1)
    assert job.runs == 3
    job.rest()
    job.soon()
    job.close()
    clock.go(1)
    assert job.runs == 3


def test_jitter_spreads_repetitions() -> None:
    clock = Clock()
    shared = Shared(ScrapeSettings(jitter=0.5), clock.wheel, cast(Client, None), lambda: clock.now, random.Random(1))
    jobs = [Counted(shared) for _ in range(200)]
    for job in jobs:
        job.again(1.0)
    clock.go(0.49)
    assert not any(job.runs for job in jobs)
    clock.go(0.51)
    assert 60 < sum(job.runs for job in jobs) < 140
    clock.go(0.52)
    assert all(job.runs for job in jobs)
