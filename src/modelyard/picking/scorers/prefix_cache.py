"""``prefix-cache-scorer``: prompts go where their beginning was computed."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest
from modelyard.picking.policy import Boost, Parameters, Scores, SparseScorer


class PrefixCacheParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of ``prefix-cache-scorer``. The index's own are those of ``approx-prefix-cache-producer``."""

    match_length_weight: float = 0.0
    """Share of the score that goes by the absolute length of the match instead of its part of the prompt."""
    match_length_scale_tokens: int = 8192
    """Matched tokens that give the whole of that share."""
    prefix_match_info_producer_name: str = ""
    """The ``approx-prefix-cache-producer`` to read; empty: the only one there is."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.match_length_weight <= 1.0:
            raise ValueError("matchLengthWeight must be 0 to 1")
        if self.match_length_scale_tokens < 1:
            raise ValueError("matchLengthScaleTokens must be at least 1")


class PrefixCacheScorer(SparseScorer[PrefixCacheParameters]):
    """w * min(1, matched tokens / scale)^2 + (1 - w) * matched / total, in tokens of whole blocks."""

    type = "prefix-cache-scorer"
    Parameters = PrefixCacheParameters
    reads_prefixes = True

    def score(self, candidates: Sequence[Candidate], request: PickRequest) -> Scores:
        prefixes = self.memory.prefixes
        chain = prefixes.chain(request.target_model, request.prompt)
        return [self._value(prefixes.depth(c.slot, chain), len(chain)) for c in candidates]

    def boosts(self, request: PickRequest) -> Sequence[Boost]:
        prefixes = self.memory.prefixes
        chain = prefixes.chain(request.target_model, request.prompt)
        if not chain:
            return ()
        whole = len(chain)
        return [(self._value(depth, whole), slots) for depth, slots in prefixes.groups(chain)]

    def _value(self, depth: int, whole: int) -> float:
        if not depth:
            return 0.0
        tokens = self.memory.prefixes.tokens
        matched = tokens(depth)
        share = matched / tokens(whole)
        weight = self.parameters.match_length_weight
        if not weight:
            return share
        length = min(1.0, matched / self.parameters.match_length_scale_tokens)
        return weight * length * length + (1.0 - weight) * share
