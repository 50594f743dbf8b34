from __future__ import annotations

from typing import Any

import pytest

from modelyard.fleet.endpoints import EngineLoad
from modelyard.picking.contract import NoEndpoint, PickRequest
from modelyard.picking.filters.utilization import UtilizationCondition, UtilizationFilter

ASKED = PickRequest("m", "m")


def kept(build: Any, metric: Any, limit: float, **more: Any) -> list[int]:
    loads = [
        EngineLoad(at=0.0, waiting=1, running=2, kv_usage=0.3),
        EngineLoad(at=0.0, waiting=9, running=9, kv_usage=0.9),
        None,
    ]
    candidates = [build.candidate(index, load, in_flight=index) for index, load in enumerate(loads)]
    condition = UtilizationCondition(metric=metric, max_value=limit)
    policy = build.policy(UtilizationFilter, conditions=(condition,), **more)
    return [candidate.slot for candidate in policy.keep(candidates, ASKED)]


def test_each_metric_has_a_cap_and_unknown_readings_pass(build: Any) -> None:
    assert kept(build, "waiting-queue", 1) == [0, 2]
    assert kept(build, "running-requests", 2) == [0, 2]
    assert kept(build, "kv-cache-utilization", 0.3) == [0, 2]
    assert kept(build, "active-requests", 1) == [0, 1]


def test_all_pass_where_none_does_only_if_asked(build: Any) -> None:
    assert kept(build, "active-requests", 0) == [0]
    loads = [EngineLoad(at=0.0, waiting=5)] * 2
    for fallback, expected in ((True, 2), (False, 0)):
        condition = UtilizationCondition(metric="waiting-queue", max_value=1)
        policy = build.policy(UtilizationFilter, conditions=(condition,), fallback_on_empty=fallback)
        candidates = [build.candidate(index, load) for index, load in enumerate(loads)]
        assert len(policy.keep(candidates, ASKED)) == expected


def test_a_cap_on_own_requests_works_between_two_readings(build: Any) -> None:
    config = "plugins: [{type: utilization-filter, parameters: {conditions: [{metric: active-requests, maxValue: 0}]}}]"
    scheduler = build.scheduler(build.equal_fleet(2), config)
    for _ in range(2):
        scheduler.started(scheduler.pick(ASKED, 0.1).targets[0].address, ASKED)
    assert dict(scheduler.in_flight) == {build.address(0): 1, build.address(1): 1}
    with pytest.raises(NoEndpoint, match="at its limit"):
        scheduler.pick(ASKED, 0.1)
    scheduler.finished(build.address(1))
    assert scheduler.pick(ASKED, 0.1).targets[0].address == build.address(1)
