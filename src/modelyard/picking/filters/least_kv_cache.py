"""``least-kv-cache-filter``: endpoints whose KV caches are emptiest."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest
from modelyard.picking.policy import Filter, NoParameters
from modelyard.picking.readings import kv_usage, lowest


class LeastKvCacheFilter(Filter[NoParameters]):
    """Keeps endpoints where least of the KV cache is in use: those in the lowest of as many equal parts of the range
    as there are endpoints."""

    type = "least-kv-cache-filter"

    def keep(self, candidates: Sequence[Candidate], request: PickRequest) -> Sequence[Candidate]:
        return lowest(candidates, kv_usage)
