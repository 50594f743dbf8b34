"""``context-length-aware`` as a filter, when ``enableFiltering`` is set."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from modelyard.picking.candidate import Candidate
from modelyard.picking.context_ranges import ContextLengthParameters, parse_range
from modelyard.picking.contract import PickRequest
from modelyard.picking.policy import Filter


class ContextLengthFilter(Filter[ContextLengthParameters]):
    """Keeps endpoints whose range includes the prompt's length, and those without a range."""

    type = "context-length-aware"
    Parameters = ContextLengthParameters

    def keep(self, candidates: Sequence[Candidate], request: PickRequest) -> Sequence[Candidate]:
        if not self.parameters.enable_filtering:
            return candidates
        return [candidate for candidate in candidates if self._fits(candidate, request.prompt_tokens)]

    def key(self, request: PickRequest) -> Hashable:
        return request.prompt_tokens if self.parameters.enable_filtering else None

    def _fits(self, candidate: Candidate, tokens: int) -> bool:
        text = candidate.labels.get(self.parameters.label)
        if text is None:
            return True
        bounds = parse_range(text)
        return bounds is not None and bounds[0] <= tokens <= bounds[1]
