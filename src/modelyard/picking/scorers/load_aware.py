"""``load-aware-scorer``: a gentle preference for short queues, against an absolute threshold."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest
from modelyard.picking.policy import FleetScorer, Parameters, Scores


class LoadAwareParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of ``load-aware-scorer``."""

    threshold: int = 128
    """Waiting requests that score 0. 128 is the ecosystem's default: about half of a vLLM engine's batch."""

    def __post_init__(self) -> None:
        if self.threshold < 1:
            raise ValueError("threshold must be at least 1")


class LoadAwareScorer(FleetScorer[LoadAwareParameters]):
    """0.5 with an empty queue, down to 0 at the threshold; never above 0.5, so that affinity wins over it."""

    type = "load-aware-scorer"
    Parameters = LoadAwareParameters

    def score(self, candidates: Sequence[Candidate], request: PickRequest) -> Scores:
        threshold = self.parameters.threshold
        return [
            None if c.load is None else 0.5 * (1.0 - min(c.load.waiting, threshold) / threshold) for c in candidates
        ]
