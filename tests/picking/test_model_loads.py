"""Endpoints that stand for several models: the load of the request's own model counts."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard.fleet.endpoints import EngineLoad, ModelLoad
from modelyard.picking.contract import PickRequest
from modelyard.picking.model_loads import loads_of_model

BUSY = ModelLoad(waiting=100, running=64, kv_usage=0.95)


def proxy(busy: str, idle: str) -> EngineLoad:
    by_model = {busy: BUSY, idle: ModelLoad()}
    return EngineLoad(at=0.0, waiting=100, running=64, kv_usage=0.5, by_model=by_model)


@pytest.mark.parametrize(("model", "expected"), [("one", 1), ("two", 0), ("one:adapter", 1)])
def test_the_endpoint_where_the_models_queue_is_short(build: Any, model: str, expected: int) -> None:
    states = [build.state(0, proxy("one", "two")), build.state(1, proxy("two", "one"))]
    scheduler = build.scheduler(build.fleet(states))
    request = PickRequest(model, model.partition(":")[0])
    for explain in (False, True):
        decision = scheduler.pick(request, 0.1, explain=explain)
        assert decision.targets[0] == states[expected].endpoint
        assert (decision.why is not None) is explain


def test_loads_come_back_after_the_pick(build: Any) -> None:
    load = proxy("one", "two")
    candidates = [build.candidate(0, load), build.candidate(1, None)]
    with loads_of_model(candidates, "two"):
        assert candidates[0].load.waiting == 0
    assert candidates[0].load is load


def test_a_model_without_series_has_had_no_request() -> None:
    assert proxy("one", "two").of_model("three").waiting == 0
    alone = EngineLoad(at=0.0, waiting=3)
    assert alone.of_model("three") is alone
