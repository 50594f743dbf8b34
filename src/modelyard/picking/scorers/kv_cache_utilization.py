"""``kv-cache-utilization-scorer``: the emptier the KV cache, the better."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest
from modelyard.picking.policy import FleetScorer, NoParameters, Scores


class KVCacheUtilizationScorer(FleetScorer[NoParameters]):
    """1 - the share of the KV cache in use."""

    type = "kv-cache-utilization-scorer"

    def score(self, candidates: Sequence[Candidate], request: PickRequest) -> Scores:
        return [None if c.load is None else 1.0 - c.load.kv_usage for c in candidates]
