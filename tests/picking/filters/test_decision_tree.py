"""The tree of the v0.5.1 chart's default config."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard.fleet.endpoints import EngineLoad
from modelyard.picking.config import ConfigError
from modelyard.picking.contract import PickRequest

CHART = """
plugins:
- {type: low-queue-filter, parameters: {threshold: 128}}
- {type: lora-affinity-filter, parameters: {threshold: 0.999}}
- type: least-queue-filter
- type: least-kv-cache-filter
- type: decision-tree-filter
  name: low-latency-filter
  parameters:
    current: {pluginRef: low-queue-filter}
    nextOnSuccess:
      decisionTree:
        current: {pluginRef: lora-affinity-filter}
        nextOnSuccessOrFailure:
          decisionTree:
            current: {pluginRef: least-queue-filter}
            nextOnSuccessOrFailure: {decisionTree: {current: {pluginRef: least-kv-cache-filter}}}
    nextOnFailure:
      decisionTree:
        current: {pluginRef: least-queue-filter}
        nextOnSuccessOrFailure:
          decisionTree:
            current: {pluginRef: lora-affinity-filter}
            nextOnSuccessOrFailure: {decisionTree: {current: {pluginRef: least-kv-cache-filter}}}
- {type: random-picker, parameters: {maxNumOfEndpoints: 1}}
- type: single-profile-handler
schedulingProfiles:
- {name: default, plugins: [{pluginRef: low-latency-filter}, {pluginRef: random-picker}]}
"""


def load(waiting: int, kv_usage: float = 0.0, loras: str = "") -> EngineLoad:
    return EngineLoad(at=0.0, waiting=waiting, kv_usage=kv_usage, max_loras=2, running_loras=frozenset(loras))


@pytest.mark.parametrize(
    ("loads", "model", "picked"),
    [
        ([load(4, 0.2), load(0, 0.8), load(10, 0.1)], "m", 1),  # the shortest queue
        ([load(0, 0.2, "a"), load(3, 0.1, "b"), load(10, 0.1, "a")], "b", 1),  # where the adapter is
        ([load(200, 0.5), load(199, 0.1), load(300, 0.1)], "m", 1),  # all queues are long
        ([load(150, 0.1, "a"), load(0, 0.9, "bc")], "a", 1),  # a long queue keeps nobody's adapter
        ([load(0, 0.9), load(0, 0.1)], "m", 1),  # the emptier cache
    ],
)
def test_the_charts_tree(build: Any, loads: list[EngineLoad], model: str, picked: int) -> None:
    fleet = build.fleet([build.state(index, item) for index, item in enumerate(loads)])
    scheduler = build.scheduler(fleet, CHART)
    for _ in range(5):
        assert [target.address for target in scheduler.pick(PickRequest(model, "m"), 0.1).targets] == [
            build.address(picked)
        ]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("{}", "current"),
        ("{current: {pluginRef: nothing}}", "'nothing' is no plugin of the config"),
        ("{current: {pluginRef: random-picker}}", "'random-picker' is no plugin"),
        ("{current: {pluginRef: least-queue-filter}, next: {pluginRef: least-queue-filter}}", "next"),
        ("{current: {decisionTree: {nextOnSuccess: {pluginRef: least-queue-filter}}}}", "has current"),
        ("{current: {decisionTree: 3}}", "has current"),
        ("{current: {pluginRef: low-queue-filter}}", "low-queue-filter"),
    ],
)
def test_trees_that_are_none_are_refused(build: Any, parameters: str, message: str) -> None:
    plugins = "[{type: least-queue-filter}, {type: random-picker}, {type: low-queue-filter, parameters: {threshold: x}}"
    with pytest.raises(ConfigError, match=message):
        build.scheduler(
            build.equal_fleet(1), f"plugins: {plugins}, {{type: decision-tree-filter, parameters: {parameters}}}]"
        )


def test_the_deepest_tree(build: Any) -> None:
    tree = "{current: {pluginRef: least-queue-filter}}"
    for _ in range(40):
        tree = f"{{current: {{decisionTree: {tree}}}}}"
    with pytest.raises(ConfigError, match="deeper than 32"):
        build.scheduler(
            build.equal_fleet(1),
            f"plugins: [{{type: least-queue-filter}}, {{type: decision-tree-filter, parameters: {tree}}}]",
        )
