from __future__ import annotations

from typing import Any

from modelyard.fleet.endpoints import EngineLoad
from modelyard.picking.contract import PickRequest
from modelyard.picking.scorers.running_requests import RunningRequestsScorer


def test_scores_are_relative_to_the_candidates(build: Any) -> None:
    loads = [EngineLoad(at=0.0, running=running) for running in (0, 30, 40)]
    candidates = [build.candidate(index, load) for index, load in enumerate(loads)]
    assert build.policy(RunningRequestsScorer).score(candidates, PickRequest("m")) == [1.0, 0.25, 0.0]
