from __future__ import annotations

import random
from itertools import count

import msgspec
import pytest

from modelyard.fleet.endpoints import Endpoint, EndpointState
from modelyard.fleet.fleet import BackendFleet, BackendKey
from modelyard.picking.config import scheduler_config
from modelyard.picking.contract import PickRequest
from modelyard.picking.registry import FILTERS, SCORERS
from modelyard.picking.scheduler import Scheduler
from modelyard.resources.endpoint_picker_config import (
    EndpointPickerConfig,
    PluginSpec,
    SchedulingPlugin,
    SchedulingProfile,
)
from modelyard.resources.loading import load_documents

CONFIG = """
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- {type: decode-filter}
- {type: queue-scorer, name: queues}
- {type: prefix-cache-scorer}
- {type: random-picker, name: pick}
schedulingProfiles:
- name: default
  plugins: [{pluginRef: decode-filter}, {pluginRef: queues}, {pluginRef: prefix-cache-scorer}, {pluginRef: pick}]
"""


NEEDED = {
    "decision-tree-filter": {"current": {"type": "low-queue-filter"}},
    "header-label-affinity-scorer": {"headerName": "x-zone", "labelKey": "zone"},
    "utilization-filter": {"conditions": [{"metric": "waiting-queue", "maxValue": 5}]},
}
"""Parameters of types that have no defaults."""


def scheduler(*addresses: str, config: object = None) -> Scheduler:
    (written,) = load_documents(CONFIG, "test").objects
    config = config or written
    assert isinstance(config, EndpointPickerConfig)
    made = Scheduler(scheduler_config(config), random.Random(1))
    key = BackendKey(kind="InferencePool", namespace="default", name="chat")
    states = tuple(EndpointState(endpoint=Endpoint(address=address)) for address in addresses)
    made.update(BackendFleet(key=key, endpoints=states, version=1), 0.0)
    return made


def test_every_policy_has_its_turn() -> None:
    clock = map(float, count()).__next__
    made = scheduler("1.1.1.1:1", "1.1.1.2:1")
    timed = [found for _ in range(4) if (found := made.time_policy(clock)) is not None]
    assert {(one.point, one.type, one.name) for one in timed} == {
        ("Filter", "decode-filter", "decode-filter"),
        ("Scorer", "queue-scorer", "queues"),
        ("Scorer", "prefix-cache-scorer", "prefix-cache-scorer"),
        ("Picker", "random-picker", "pick"),
    }
    assert [one.seconds for one in timed] == [1.0] * 4


def test_timing_changes_nothing() -> None:
    made = scheduler("1.1.1.1:1", "1.1.1.2:1")
    made.pick(PickRequest("m", "m", b"x" * 1000, headers={}), 1.0)
    made.started("1.1.1.1:1", PickRequest("m", "m", b"x" * 1000, headers={}))
    before = dict(made.in_flight), made.prefixes_kept
    for _ in range(8):
        made.time_policy(lambda: 0.0)
    assert (dict(made.in_flight), made.prefixes_kept) == before
    assert sum(made.take_prefix_matches().values()) == 1


def test_nothing_is_timed_without_an_endpoint() -> None:
    assert scheduler().time_policy(lambda: 0.0) is None


@pytest.mark.parametrize("kind", [*FILTERS, *SCORERS])
def test_every_policy_can_be_timed(kind: str) -> None:
    """Without a request to go by, and with endpoints that say nothing of themselves."""
    plugin = {"type": kind, "parameters": NEEDED.get(kind, {})}
    config = EndpointPickerConfig(
        api_version="llm-d.ai/v1alpha1",
        kind="EndpointPickerConfig",
        plugins=(msgspec.convert(plugin, PluginSpec),),
        scheduling_profiles=(SchedulingProfile(name="default", plugins=(SchedulingPlugin(plugin_ref=kind),)),),
    )
    made = scheduler("1.1.1.1:1", config=config)
    timed = [made.time_policy(lambda: 0.0) for _ in range(2)]
    assert kind in {one.type for one in timed if one is not None}
