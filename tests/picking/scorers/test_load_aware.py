from __future__ import annotations

from typing import Any

from modelyard.fleet.endpoints import EngineLoad
from modelyard.picking.contract import PickRequest
from modelyard.picking.scorers.load_aware import LoadAwareScorer


def test_half_a_point_at_most_down_to_nothing_at_the_threshold(build: Any) -> None:
    loads = [EngineLoad(at=0.0, waiting=waiting) for waiting in (0, 32, 128, 500)]
    candidates = [*(build.candidate(index, load) for index, load in enumerate(loads)), build.candidate(4)]
    assert build.policy(LoadAwareScorer).score(candidates, PickRequest("m")) == [0.5, 0.375, 0.0, 0.0, None]
    assert build.policy(LoadAwareScorer, threshold=64).score(candidates[1:2], PickRequest("m")) == [0.25]
