from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from modelyard.picking.contract import PickRequest
from modelyard.picking.filters.prefix_cache_affinity import PrefixCacheAffinityFilter, PrefixCacheAffinityParameters

HEAD = random.Random(1).randbytes(64 * 4 * 10)
"""Ten blocks."""
ASKED = PickRequest("m", "m", HEAD, len(HEAD) // 4)


def kept(build: Any, held: dict[int, int], tokens: tuple[int, ...] = (0, 0, 0), **parameters: Any) -> list[int]:
    """Slots that stay of as many as ``tokens`` are open at, where ``held`` says how many blocks a slot has."""
    policy = build.policy(PrefixCacheAffinityFilter, **parameters)
    prefixes = policy.memory.prefixes
    chain = prefixes.chain(ASKED.target_model, ASKED.prompt)
    assert len(chain) == 10
    for slot, blocks in held.items():
        prefixes.record(slot, chain[:blocks])
    candidates = [build.candidate(slot) for slot in range(len(tokens))]
    for candidate, count in zip(candidates, tokens, strict=True):
        candidate.tokens = count
    return [candidate.slot for candidate in policy.keep(candidates, ASKED)]


def test_those_that_have_most_of_the_prompt_stay(build: Any) -> None:
    assert kept(build, {1: 8}) == [1]
    assert kept(build, {0: 10, 1: 8, 2: 7}) == [0, 1]
    assert kept(build, {1: 7}) == [0, 1, 2], "nobody has four fifths"
    assert kept(build, {1: 7}, affinity_threshold=0.7) == [1]
    assert kept(build, {}) == [0, 1, 2]
    assert kept(build, {1: 10}, affinity_threshold=0.0) == [0, 1, 2]


def test_too_many_open_tokens_let_the_others_in(build: Any) -> None:
    limit: dict[str, Any] = {"max_ttft_penalty_ms": 500.0, "peak_prefill_throughput": 1000.0}
    assert kept(build, {1: 10}, (0, 500, 0), **limit) == [1]
    assert kept(build, {1: 10}, (0, 501, 0), **limit) == [0, 1, 2]
    assert kept(build, {1: 10}, (100, 501, 100), **limit) == [1], "what counts is the difference"
    assert kept(build, {1: 10, 2: 10}, (0, 501, 3), **limit) == [1, 2], "the best of those that have it"
    assert kept(build, {1: 10}, (0, 10**9, 0), max_ttft_penalty_ms=0.0) == [1]


def test_a_share_of_the_requests_may_go_anywhere(build: Any) -> None:
    policy = build.policy(PrefixCacheAffinityFilter, exploration_probability=0.25)
    policy.memory.prefixes.record(0, policy.memory.prefixes.chain("m", HEAD))
    candidates = [build.candidate(0), build.candidate(1)]
    free = 0
    for _ in range(100):
        free += len(policy.keep(candidates, ASKED)) == 2
        policy.started(candidates[0], ASKED, 0.0)
    assert free == 25


def test_it_works_in_a_profile_and_before_the_scores(build: Any) -> None:
    """The holder of the prompt is chosen although another one is idle; for another prompt it is not."""
    scheduler = build.scheduler(
        build.equal_fleet(3), "plugins: [{type: prefix-cache-affinity-filter}, {type: active-request-scorer}]"
    )
    home = scheduler.pick(ASKED, 0.0).targets[0]
    for _ in range(5):
        scheduler.started(home.address, ASKED)
        picked = scheduler.pick(ASKED, 0.1)
        assert picked.targets[0] == home
        assert len(picked.targets) == 3, "where it fails, others are tried"
    assert scheduler.pick(PickRequest("m", "m", HEAD[::-1]), 0.1).targets[0] != home


@pytest.mark.parametrize(
    "parameters",
    [
        {"affinityThreshold": 1.1},
        {"explorationProbability": -0.1},
        {"maxTTFTPenaltyMs": -1},
        {"peakPrefillThroughput": 0},
        {"ttftSource": "latencyPredictor"},
        {"maxTtftPenaltyMs": 1},
    ],
    ids=str,
)
def test_bad_parameters(parameters: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(parameters, PrefixCacheAffinityParameters)
