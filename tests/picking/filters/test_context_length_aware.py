from __future__ import annotations

from typing import Any

from modelyard.picking.contract import PickRequest
from modelyard.picking.filters.context_length_aware import ContextLengthFilter

RANGES = ["0-1000", "1000-9000", None, "bad"]


def kept(build: Any, tokens: int, filtering: bool) -> list[int]:
    labels = [{"range": text} if text else {} for text in RANGES]
    candidates = [build.candidate(index, labels=each) for index, each in enumerate(labels)]
    policy = build.policy(ContextLengthFilter, label="range", enable_filtering=filtering)
    return [candidate.slot for candidate in policy.keep(candidates, PickRequest("m", prompt_tokens=tokens))]


def test_prompts_stay_within_ranges_and_bounds_belong_to_them(build: Any) -> None:
    assert kept(build, 500, True) == [0, 2]
    assert kept(build, 1000, True) == [0, 1, 2]
    assert kept(build, 9001, True) == [2]


def test_it_filters_only_when_told_to(build: Any) -> None:
    assert kept(build, 9001, False) == [0, 1, 2, 3]
