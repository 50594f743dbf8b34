from __future__ import annotations

from typing import Any

from modelyard.picking.context_ranges import range_score
from modelyard.picking.contract import PickRequest
from modelyard.picking.scorers.context_length_aware import ContextLengthScorer


def test_each_endpoint_is_scored_by_its_label(build: Any) -> None:
    texts = ["0-1000", "0-100000", None, "bad", "0-1000"]
    candidates = [build.candidate(i, labels={"range": text} if text else {}) for i, text in enumerate(texts)]
    scorer = build.policy(ContextLengthScorer, label="range")
    assert scorer.score(candidates, PickRequest("m", prompt_tokens=700)) == [range_score(text, 700) for text in texts]
