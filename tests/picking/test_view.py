from __future__ import annotations

from typing import Any

from modelyard.fleet.endpoints import EngineLoad
from modelyard.picking.points import NEVER, POINT
from modelyard.picking.scorers.lora_affinity import LoraAffinityScorer
from modelyard.picking.view import MAX_RANKINGS, View, no_slots


def test_rankings_are_kept_per_key_and_bounded(build: Any) -> None:
    loads = [EngineLoad(at=0.0, max_loras=1, running_loras=frozenset("a")), EngineLoad(at=0.0)]
    candidates = [build.candidate(index, load) for index, load in enumerate(loads)]
    static = no_slots(3)
    static[0] = static[1] = 7
    view = View(candidates, static, [(2.0, build.policy(LoraAffinityScorer))])
    assert view.ranking("a").static == [7 + 2 * POINT, 7 + int(1.6 * POINT), NEVER]
    assert view.ranking("b").static == [7, 7 + int(1.6 * POINT), NEVER]
    assert view.ranking("a") is view.ranking("a")
    assert view.slots == [0, 1]
    for index in range(100):
        view.ranking(str(index))
    assert len(view._rankings) == MAX_RANKINGS
