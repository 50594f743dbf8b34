from __future__ import annotations

from typing import Any

import pytest

from modelyard.fleet.endpoints import EngineLoad
from modelyard.picking.contract import PickRequest
from modelyard.picking.scorers.lora_affinity import LoraAffinityScorer


def load(limit: int, running: str = "", waiting: str = "") -> EngineLoad:
    return EngineLoad(at=0.0, max_loras=limit, running_loras=frozenset(running), waiting_loras=frozenset(waiting))


LOADS = [load(1, "a"), load(2, "b"), load(1, "b"), load(1, "b", "a"), load(3, "b", "a"), load(0), None]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (PickRequest("a", "m"), [1.0, 0.8, 0.0, 0.6, 0.8, 0.8, 0.8]),
        (PickRequest("a", ""), [1.0, 0.8, 0.0, 0.6, 0.8, 0.8, 0.8]),
        (PickRequest("z", "m"), [0.0, 0.8, 0.0, 0.0, 0.8, 0.8, 0.8]),
        (PickRequest("m", "m"), [1.0] * 7),
        (PickRequest("", ""), [1.0] * 7),
    ],
)
@pytest.mark.parametrize("copies", [1, 40])
def test_scores_and_their_parts(build: Any, asked: PickRequest, expected: list[float], copies: int) -> None:
    candidates = [build.candidate(index, each) for index, each in enumerate(LOADS * copies)]
    scorer = build.policy(LoraAffinityScorer)
    scorer.new_fleet(candidates)
    assert scorer.score(candidates, asked) == expected * copies
    parts = dict(enumerate(scorer.base(candidates, scorer.key(asked))))
    for added, slots in scorer.boosts(asked):
        for slot in slots:
            parts[slot] += added
    assert list(parts.values()) == pytest.approx(expected * copies)
