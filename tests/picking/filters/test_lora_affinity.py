from __future__ import annotations

from typing import Any

import pytest

from modelyard.fleet.endpoints import EngineLoad
from modelyard.picking.contract import PickRequest
from modelyard.picking.filters.lora_affinity import LoraAffinityFilter, LoraAffinityFilterParameters

LOADS = [
    EngineLoad(at=0.0, max_loras=2, running_loras=frozenset("ab")),
    EngineLoad(at=0.0, max_loras=2, waiting_loras=frozenset("c")),
    EngineLoad(at=0.0),
    None,
]


@pytest.mark.parametrize(("adapter", "kept"), [("a", [0]), ("c", [1]), ("d", [1, 2, 3]), ("base", [1, 2, 3])])
def test_where_the_adapter_is_else_where_there_is_room(build: Any, adapter: str, kept: list[int]) -> None:
    policy = build.policy(LoraAffinityFilter)
    candidates = [build.candidate(index, load) for index, load in enumerate(LOADS)]
    request = PickRequest(adapter, "base")
    assert [candidate.slot for candidate in policy.keep(candidates, request)] == kept
    assert policy.key(request) == adapter


def test_a_share_that_is_not_kept_is_refused() -> None:
    with pytest.raises(ValueError, match=r"threshold must be 0\.9 to 1"):
        LoraAffinityFilterParameters(threshold=0.5)
