"""``low-queue-filter``: endpoints where few requests wait."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest
from modelyard.picking.policy import Filter, Parameters
from modelyard.picking.readings import waiting


class LowQueueParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of ``low-queue-filter``."""

    threshold: int = 128
    """Most waiting requests."""

    def __post_init__(self) -> None:
        if self.threshold < 0:
            raise ValueError("threshold must not be negative")


class LowQueueFilter(Filter[LowQueueParameters]):
    """Keeps endpoints with at most ``threshold`` waiting requests, and those without a reading."""

    type = "low-queue-filter"
    Parameters = LowQueueParameters

    def keep(self, candidates: Sequence[Candidate], request: PickRequest) -> Sequence[Candidate]:
        return [candidate for candidate in candidates if waiting(candidate) <= self.parameters.threshold]
