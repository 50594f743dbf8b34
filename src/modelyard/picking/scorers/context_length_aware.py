"""``context-length-aware``: prompts go to endpoints set up for their length."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.picking.candidate import Candidate
from modelyard.picking.context_ranges import ContextLengthParameters, range_score
from modelyard.picking.contract import PickRequest
from modelyard.picking.policy import RequestScorer, Scores


class ContextLengthScorer(RequestScorer[ContextLengthParameters]):
    """Above 0.3 where the prompt fits the endpoint's range, below where it does not (``context_ranges``)."""

    type = "context-length-aware"
    Parameters = ContextLengthParameters

    def score(self, candidates: Sequence[Candidate], request: PickRequest) -> Scores:
        label = self.parameters.label
        by_text: dict[str | None, float] = {}
        scores = []
        for candidate in candidates:
            text = candidate.labels.get(label)
            score = by_text.get(text)
            if score is None:
                score = by_text[text] = range_score(text, request.prompt_tokens)
            scores.append(score)
        return scores
