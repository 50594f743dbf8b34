"""``utilization-filter``: caps on load."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest
from modelyard.picking.policy import Gate, Parameters

Metric = Literal["active-requests", "running-requests", "waiting-queue", "kv-cache-utilization"]


class UtilizationCondition(Parameters, frozen=True, kw_only=True):
    """One cap."""

    metric: Metric
    """``active-requests`` are this worker's own open requests; the others are the engine's readings."""
    max_value: float
    """The highest value that still passes; ``kv-cache-utilization`` from 0 to 1."""

    def __post_init__(self) -> None:
        if not self.max_value >= 0:
            raise ValueError("maxValue must not be negative")


class UtilizationParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of ``utilization-filter``."""

    conditions: tuple[UtilizationCondition, ...]
    """All must hold."""
    fallback_on_empty: bool = False
    """Let all pass where none does."""
    in_flight_load_producer_name: str = ""
    """Which producer counts open requests; there is one."""


class UtilizationFilter(Gate[UtilizationParameters]):
    """Takes out endpoints above a cap. An unknown reading is above no cap."""

    type = "utilization-filter"
    Parameters = UtilizationParameters

    def keep(self, candidates: Sequence[Candidate], request: PickRequest) -> Sequence[Candidate]:
        kept = [candidate for candidate in candidates if self._admits(candidate)]
        return kept if kept or not self.parameters.fallback_on_empty else candidates

    def _admits(self, candidate: Candidate) -> bool:
        return all(_READ[cap.metric](candidate) <= cap.max_value for cap in self.parameters.conditions)


_READ: Mapping[str, Callable[[Candidate], float]] = {
    "active-requests": lambda candidate: candidate.in_flight,
    "running-requests": lambda candidate: candidate.load.running if candidate.load else 0,
    "waiting-queue": lambda candidate: candidate.load.waiting if candidate.load else 0,
    "kv-cache-utilization": lambda candidate: candidate.load.kv_usage if candidate.load else 0,
}
