"""Which own requests an engine's reading cannot show yet."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard.fleet.endpoints import EngineLoad
from modelyard.picking.candidate import STALE_AFTER, VISIBLE_AFTER


def test_without_a_reading_all_open_requests_are_unseen(build: Any) -> None:
    candidate = build.candidate(0)
    for now in (0.0, 1.0, 2.0):
        candidate.start(now, 5)
    candidate.finish(5)
    assert (candidate.in_flight, candidate.unseen, candidate.tokens) == (2, 2, 10)


def test_requests_before_the_reading_are_seen(build: Any) -> None:
    candidate = build.candidate(0, EngineLoad(at=0.0))
    for now in (0.1, 0.2, 0.3):
        candidate.start(now, 0)
    candidate.read(EngineLoad(at=0.25), 0.26)
    assert (candidate.in_flight, candidate.unseen) == (3, 1)


def test_an_engine_needs_a_moment_to_show_a_request(build: Any) -> None:
    candidate = build.candidate(0, EngineLoad(at=0.0))
    candidate.start(0.2, 0)
    candidate.read(EngineLoad(at=0.2 + VISIBLE_AFTER / 2), 0.3)
    assert candidate.unseen == 1
    candidate.read(EngineLoad(at=0.2 + VISIBLE_AFTER * 1.01), 0.3)
    assert candidate.unseen == 0


def test_unseen_is_never_more_than_what_is_open(build: Any) -> None:
    candidate = build.candidate(0, EngineLoad(at=0.0))
    for now in (0.1, 0.2, 0.3):
        candidate.start(now, 0)
    candidate.finish(0)
    candidate.finish(0)
    assert candidate.unseen == 1
    candidate.finish(0)
    candidate.finish(0)
    assert (candidate.in_flight, candidate.unseen) == (0, 0)


@pytest.mark.parametrize(("age", "kept"), [(0.0, True), (STALE_AFTER, True), (STALE_AFTER + 0.01, False)])
def test_a_stale_reading_is_none(build: Any, age: float, kept: bool) -> None:
    candidate = build.candidate(0, EngineLoad(at=100.0), in_flight=2)
    candidate.read(EngineLoad(at=100.0), 100.0 + age)
    assert (candidate.load is not None) is kept


def test_after_a_stale_reading_all_open_requests_are_unseen(build: Any) -> None:
    candidate = build.candidate(0, EngineLoad(at=0.0))
    candidate.start(0.1, 0)
    candidate.read(EngineLoad(at=1.0), 1.0)
    assert candidate.unseen == 0
    candidate.read(EngineLoad(at=1.0), 9.0)
    assert candidate.unseen == 1


def test_memory_of_starts_is_bounded(build: Any) -> None:
    candidate = build.candidate(0, EngineLoad(at=0.0))
    for _ in range(10_000):
        candidate.start(0.1, 0)
    assert len(candidate._starts) <= 4096


def test_an_engine_behind_an_exporter_shows_a_request_later(build: Any) -> None:
    candidate = build.candidate(0, EngineLoad(at=0.0, delay=10.0))
    candidate.start(0.2, 0)
    candidate.read(EngineLoad(at=10.0, delay=10.0), 10.1)
    assert candidate.unseen == 1
    candidate.read(EngineLoad(at=10.3, delay=10.0), 10.4)
    assert candidate.unseen == 0


def test_a_reading_that_lags_by_nature_is_stale_later(build: Any) -> None:
    candidate = build.candidate(0, None)
    candidate.read(EngineLoad(at=0.0, delay=10.0), 9.0)
    assert candidate.load is not None
    candidate.read(EngineLoad(at=0.0, delay=10.0), 10.1)
    assert candidate.load is None
