from __future__ import annotations

from typing import Any

from modelyard.fleet.endpoints import EngineLoad
from modelyard.picking.contract import PickRequest
from modelyard.picking.scorers.kv_cache_utilization import KVCacheUtilizationScorer


def test_the_emptier_the_better(build: Any) -> None:
    candidates = [build.candidate(0, EngineLoad(at=0.0, kv_usage=0.25)), build.candidate(1)]
    assert build.policy(KVCacheUtilizationScorer).score(candidates, PickRequest("m")) == [0.75, None]
