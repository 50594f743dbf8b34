"""What Envoy does when its memory runs short, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard.envoy.local_replies import local_reply_config
from modelyard.envoy.overload import overload_manager
from modelyard.envoy.settings import EdgeSettings

HEAP, CONTAINER = "envoy.resource_monitors.fixed_heap", "envoy.resource_monitors.cgroup_memory"


def threshold(action: dict[str, Any]) -> float:
    [trigger, *_] = action["triggers"]
    found = trigger.get("threshold", {}).get("value") or trigger["scaled"]["saturation_threshold"]
    return float(found)


@pytest.mark.parametrize(
    ("settings", "monitors"),
    [
        (EdgeSettings(), [HEAP]),
        (EdgeSettings(container_memory=True), [HEAP, CONTAINER]),
        (EdgeSettings(max_heap=0, container_memory=True), [CONTAINER]),
    ],
)
def test_the_largest_streams_go_before_anybody_is_refused(settings: EdgeSettings, monitors: list[str]) -> None:
    made = overload_manager(settings)
    assert [item["name"] for item in made["resource_monitors"][1:]] == monitors
    names = [action["name"].rpartition(".")[2] for action in made["actions"]]
    assert names == ["shrink_heap", "reset_high_memory_stream", "stop_accepting_requests"]
    assert sorted(threshold(action) for action in made["actions"]) == [threshold(action) for action in made["actions"]]
    for action in made["actions"]:
        assert [trigger["name"] for trigger in action["triggers"]] == monitors


def test_without_a_bound_connections_alone_are_counted() -> None:
    made = overload_manager(EdgeSettings(max_heap=0))
    assert list(made) == ["resource_monitors"]
    assert len(made["resource_monitors"]) == 1


def test_a_refusal_is_an_error_of_the_api() -> None:
    [mapper] = [item for item in local_reply_config(asks_router=False)["mappers"] if "'overload'" in str(item)]
    assert mapper["status_code"] == 503
    assert mapper["body_format_override"]["json_format"]["error"]["code"] == "overloaded"
