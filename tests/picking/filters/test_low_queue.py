from __future__ import annotations

from typing import Any

import pytest

from modelyard.fleet.endpoints import EngineLoad
from modelyard.picking.contract import PickRequest
from modelyard.picking.filters.low_queue import LowQueueFilter, LowQueueParameters


def test_few_may_wait(build: Any) -> None:
    policy = build.policy(LowQueueFilter, threshold=5)
    loads = [EngineLoad(at=0.0, waiting=5), EngineLoad(at=0.0, waiting=6), None]
    candidates = [build.candidate(index, load) for index, load in enumerate(loads)]
    assert [candidate.slot for candidate in policy.keep(candidates, PickRequest("m", "m"))] == [0, 2]


def test_a_negative_threshold_is_none() -> None:
    with pytest.raises(ValueError, match="negative"):
        LowQueueParameters(threshold=-1)
