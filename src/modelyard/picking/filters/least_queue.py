"""``least-queue-filter``: endpoints whose queues are shortest."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest
from modelyard.picking.policy import Filter, NoParameters
from modelyard.picking.readings import lowest, waiting


class LeastQueueFilter(Filter[NoParameters]):
    """Keeps endpoints where least requests wait: those in the lowest of as many equal parts of the range as there are
    endpoints."""

    type = "least-queue-filter"

    def keep(self, candidates: Sequence[Candidate], request: PickRequest) -> Sequence[Candidate]:
        return lowest(candidates, waiting)
