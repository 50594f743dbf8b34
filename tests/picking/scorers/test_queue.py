from __future__ import annotations

from typing import Any

from modelyard.fleet.endpoints import EngineLoad
from modelyard.picking.contract import PickRequest
from modelyard.picking.scorers.queue import QueueScorer


def test_scores_are_relative_to_the_candidates(build: Any) -> None:
    loads = [EngineLoad(at=0.0, waiting=waiting) for waiting in (2, 4, 6)]
    candidates = [*(build.candidate(index, load) for index, load in enumerate(loads)), build.candidate(3)]
    scorer = build.policy(QueueScorer)
    assert scorer.score(candidates, PickRequest("m")) == [1.0, 0.5, 0.0, None]
    assert scorer.score(candidates[1:2], PickRequest("m")) == [1.0]
