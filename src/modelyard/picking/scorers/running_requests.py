"""``running-requests-size-scorer``: the fewer requests run in the engine, the better."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest
from modelyard.picking.normalising import lower_is_better
from modelyard.picking.policy import FleetScorer, NoParameters, Scores


class RunningRequestsScorer(FleetScorer[NoParameters]):
    """(max - running) / (max - min) over the candidates; all equal: 1."""

    type = "running-requests-size-scorer"

    def score(self, candidates: Sequence[Candidate], request: PickRequest) -> Scores:
        return lower_is_better([None if c.load is None else c.load.running for c in candidates])
