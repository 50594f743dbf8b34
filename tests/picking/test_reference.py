"""What ``explain`` shows."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard.fleet.endpoints import EngineLoad
from modelyard.picking.contract import PickRequest

CONFIG = """
plugins:
- {type: decode-filter}
- {name: queue, type: queue-scorer}
- {type: kv-cache-utilization-scorer}
- {type: utilization-filter, parameters: {conditions: [{metric: waiting-queue, maxValue: 5}]}}
- {type: random-picker}
schedulingProfiles:
- name: main
  plugins:
  - {pluginRef: decode-filter}
  - {pluginRef: utilization-filter}
  - {pluginRef: queue, weight: 2}
  - {pluginRef: kv-cache-utilization-scorer}
  - {pluginRef: random-picker}
"""


def test_every_endpoint_is_shown_with_its_scores_or_what_dropped_it(build: Any) -> None:
    loads = [(0, 0.25), (4, 0.5), (9, 0.0), (0, 0.0), (0, 0.0), (0, 0.0)]
    states = [
        build.state(
            index,
            EngineLoad(at=0.0, waiting=waiting, kv_usage=usage),
            ready=index != 3,
            labels={"llm-d.ai/role": "prefill"} if index == 4 else {},
        )
        for index, (waiting, usage) in enumerate(loads)
    ]
    scheduler = build.scheduler(build.fleet(states), CONFIG)
    decision = scheduler.pick(PickRequest("m", "m"), 0.1, exclude=[build.address(5)], explain=True)
    why = decision.why
    assert (why.profile, why.picker) == ("main", "random-picker")
    by_address = {candidate.endpoint.address: candidate for candidate in why.candidates}
    first = by_address[build.address(0)]
    assert [(s.policy, s.weight, s.score) for s in first.scores] == [
        ("queue", 2.0, 1.0),
        ("kv-cache-utilization-scorer", 1.0, 0.75),
    ]
    assert first.total == pytest.approx(2.75)
    assert by_address[build.address(1)].total == pytest.approx(2 * 5 / 9 + 0.5)
    reasons = {address: candidate.dropped_by for address, candidate in by_address.items()}
    assert reasons == {
        build.address(0): "",
        build.address(1): "",
        build.address(2): "utilization-filter",
        build.address(3): "not ready",
        build.address(4): "decode-filter",
        build.address(5): "excluded: failed just now, or tried for this request",
    }
    assert {endpoint.address for endpoint in decision.targets} == {build.address(0), build.address(1)}


def test_explaining_counts_nothing(build: Any) -> None:
    scheduler = build.scheduler(build.equal_fleet(3))
    scheduler.pick(PickRequest("m", "m", b"x" * 4000), 0.1, explain=True)
    assert dict(scheduler.in_flight) == {}
    assert len(scheduler._memory.prefixes) == 0


def test_the_subset_is_named(build: Any) -> None:
    why = (
        build.scheduler(build.equal_fleet(2))
        .pick(PickRequest("m", "m"), 0.1, subset=[build.address(0)], explain=True)
        .why
    )
    assert [candidate.dropped_by for candidate in why.candidates] == ["", "not in the subset asked for"]
