from __future__ import annotations

import random
from itertools import count

from modelyard.fleet.endpoints import Endpoint, EndpointState
from modelyard.fleet.fleet import BackendFleet, BackendKey
from modelyard.picking.config import scheduler_config
from modelyard.picking.contract import PickRequest
from modelyard.picking.scheduler import Scheduler
from modelyard.resources.endpoint_picker_config import EndpointPickerConfig
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


def scheduler(*addresses: str) -> Scheduler:
    (config,) = load_documents(CONFIG, "test").objects
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
