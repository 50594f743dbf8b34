from __future__ import annotations

from typing import Any

from modelyard.picking.scorers.token_load import TokenLoadScorer


def test_open_prompt_tokens_count_down_to_the_threshold(build: Any) -> None:
    scorer = build.policy(TokenLoadScorer, queue_threshold_tokens=40)
    assert [scorer.level(build.candidate(0, in_flight=count)) for count in (0, 1, 4, 9)] == [1.0, 0.75, 0.0, 0.0]
