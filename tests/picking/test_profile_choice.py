"""Several profiles."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard.fleet.endpoints import EngineLoad
from modelyard.picking.contract import PickRequest
from modelyard.picking.profile_choice import UnknownProfile

CONFIG = """
plugins:
- {type: queue-scorer}
- {type: kv-cache-utilization-scorer}
- {type: header-profile-handler, parameters: {defaultProfile: queue}}
schedulingProfiles:
- {name: queue, plugins: [{pluginRef: queue-scorer}]}
- {name: cache, plugins: [{pluginRef: kv-cache-utilization-scorer}]}
"""


def test_the_header_names_the_profile(build: Any) -> None:
    loads = [EngineLoad(at=0.0, kv_usage=0.9), EngineLoad(at=0.0, waiting=4)]
    scheduler = build.scheduler(build.fleet([build.state(i, load) for i, load in enumerate(loads)]), CONFIG)

    def pick(headers: dict[str, str] | None) -> str:
        return scheduler.pick(PickRequest("m", "m", headers=headers), 0.1).targets[0].address

    assert pick(None) == pick({}) == pick({"epp-profile": "queue"}) == build.address(0)
    assert pick({"epp-profile": "cache"}) == build.address(1)
    assert scheduler.pick(PickRequest("m", headers={"epp-profile": "cache"}), 0.1, explain=True).why.profile == "cache"


def test_an_unknown_profile_is_the_clients_fault(build: Any) -> None:
    scheduler = build.scheduler(build.equal_fleet(2), CONFIG)
    with pytest.raises(UnknownProfile, match=r"it has: cache, queue") as caught:
        scheduler.pick(PickRequest("m", headers={"epp-profile": "nope"}), 0.1)
    assert caught.value.status == 400
