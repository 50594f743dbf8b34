from __future__ import annotations

from typing import Any

from modelyard.picking.contract import PickRequest
from modelyard.picking.scorers.no_hit_lru import NoHitLRUScorer

COLD = PickRequest("m", "m", b"c" * 2000)


def test_the_longer_ago_the_better(build: Any) -> None:
    scorer = build.policy(NoHitLRUScorer)
    candidates = [build.candidate(index) for index in range(4)]
    for index in (2, 0, 2, 1):
        scorer.started(candidates[index], COLD, 0.0)
    assert scorer.score(candidates, COLD) == [1 - 1 / 3, 0.0, 1 - 2 / 3, 1.0]
    scorer.forget(candidates[1])
    assert scorer.score(candidates, COLD)[1] == 1.0


def test_warm_requests_are_neither_scored_nor_counted(build: Any) -> None:
    scorer = build.policy(NoHitLRUScorer)
    prefixes = scorer.memory.prefixes
    prefixes.record(0, prefixes.chain("m", COLD.prompt))
    candidates = [build.candidate(index) for index in range(2)]
    scorer.started(candidates[1], COLD, 0.0)
    assert scorer.score(candidates, COLD) == [0.5, 0.5]
    assert scorer.score(candidates, PickRequest("m")) == [1.0, 1.0]


def test_a_single_candidate_and_bounded_memory(build: Any) -> None:
    scorer = build.policy(NoHitLRUScorer, lru_size=2)
    candidates = [build.candidate(index) for index in range(4)]
    for candidate in candidates:
        scorer.started(candidate, COLD, 0.0)
    assert len(scorer._used) == 2
    assert scorer.score(candidates[3:], COLD) == [1.0]


def test_cold_requests_go_round(build: Any) -> None:
    scheduler = build.scheduler(
        build.equal_fleet(4), "plugins: [{type: no-hit-lru-scorer}, {type: prefix-cache-scorer}]"
    )
    seen = []
    for index in range(8):
        asked = PickRequest("m", "m", bytes([index]) * 1000)
        seen.append(scheduler.pick(asked, 0.1).targets[0].address)
        scheduler.started(seen[-1], asked)
        scheduler.finished(seen[-1])
    assert sorted(seen[:4]) == sorted(set(seen))
    assert seen[4:] == seen[:4]
