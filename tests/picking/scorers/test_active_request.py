from __future__ import annotations

from typing import Any

import pytest

from modelyard.picking.scorers.active_request import ActiveRequestScorer


def levels(build: Any, busiest: int, counts: list[int], **parameters: Any) -> list[float]:
    scorer = build.policy(ActiveRequestScorer, **parameters)
    scorer.memory.busiest = busiest
    return [scorer.level(build.candidate(0, in_flight=count)) for count in counts]


def test_idle_is_one_and_the_busiest_is_zero(build: Any) -> None:
    assert levels(build, 8, [0, 2, 8]) == [1.0, 0.75, 0.0]


def test_up_to_the_threshold_is_idle(build: Any) -> None:
    assert levels(build, 8, [2, 3], idle_threshold=2) == [1.0, 0.625]


def test_a_gap_sets_idle_endpoints_apart(build: Any) -> None:
    assert levels(build, 8, [0, 2], max_busy_score=0.5) == [1.0, 0.375]


def test_under_light_load_counts_are_measured_against_the_floor(build: Any) -> None:
    assert levels(build, 2, [0, 1, 2], busy_floor=16) == [1.0, 15 / 16, 14 / 16]


@pytest.mark.parametrize("bad", [{"idle_threshold": -1}, {"max_busy_score": 1.1}, {"busy_floor": 0}])
def test_bad_parameters_are_refused(build: Any, bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        levels(build, 1, [], **bad)
