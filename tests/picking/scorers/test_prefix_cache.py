from __future__ import annotations

from typing import Any

import pytest

from modelyard.picking.contract import PickRequest
from modelyard.picking.scorers.prefix_cache import PrefixCacheScorer

HEAD = b"h" * 1024
ASKED = PickRequest("m", "m", HEAD + b"x" * 1024)


def scorer_with_head_at(build: Any, slot: int, **parameters: Any) -> Any:
    scorer = build.policy(PrefixCacheScorer, **parameters)
    prefixes = scorer.memory.prefixes
    prefixes.record(slot, prefixes.chain("m", HEAD))
    return scorer


def test_the_score_is_the_matched_share(build: Any) -> None:
    scorer = scorer_with_head_at(build, 1)
    candidates = [build.candidate(0), build.candidate(1)]
    assert scorer.score(candidates, ASKED) == [0.0, 0.5]
    assert [(score, set(slots)) for score, slots in scorer.boosts(ASKED)] == [(0.5, {1})]


def test_a_part_of_the_score_may_go_by_length(build: Any) -> None:
    scorer = scorer_with_head_at(build, 1, match_length_weight=0.5, match_length_scale_tokens=512)
    assert scorer.score([build.candidate(1)], ASKED) == [pytest.approx(0.5 * (256 / 512) ** 2 + 0.5 * 0.5)]


def test_no_prompt_and_other_models_match_nothing(build: Any) -> None:
    scorer = scorer_with_head_at(build, 1)
    for asked in (PickRequest("m"), PickRequest("other", "m", HEAD)):
        assert scorer.score([build.candidate(1)], asked) == [0.0]
        assert list(scorer.boosts(asked)) == []
