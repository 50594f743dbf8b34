from __future__ import annotations

from typing import Any

from modelyard.fleet.endpoints import EngineLoad
from modelyard.picking.contract import PickRequest
from modelyard.picking.filters.least_kv_cache import LeastKvCacheFilter


def test_the_lowest_stay(build: Any) -> None:
    loads = [EngineLoad(at=0.0, kv_usage=value) for value in [0.6, 0.1, 0.2]]
    candidates = [build.candidate(index, load) for index, load in enumerate(loads)]
    kept = build.policy(LeastKvCacheFilter).keep(candidates, PickRequest("m", "m"))
    assert [candidate.slot for candidate in kept] == [1, 2]
