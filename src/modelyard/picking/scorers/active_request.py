"""``active-request-scorer``: spreads what the engines' metrics cannot show yet."""

from __future__ import annotations

from modelyard.picking.candidate import Candidate
from modelyard.picking.policy import InFlightScorer, Parameters


class ActiveRequestParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of ``active-request-scorer``."""

    idle_threshold: int = 0
    """Endpoints with at most this many requests score 1."""
    max_busy_score: float = 1.0
    """Score of a busy endpoint with hardly any requests: below 1, idle endpoints are set apart."""
    busy_floor: int = 1
    """Counts are measured against the busiest endpoint, but at least against this many requests. 1, as elsewhere:
    a single request on an otherwise idle pool scores 0. Higher keeps affinity alive under light load."""

    def __post_init__(self) -> None:
        if self.idle_threshold < 0:
            raise ValueError("idleThreshold must not be negative")
        if not 0.0 <= self.max_busy_score <= 1.0:
            raise ValueError("maxBusyScore must be 0 to 1")
        if self.busy_floor < 1:
            raise ValueError("busyFloor must be at least 1")


class ActiveRequestScorer(InFlightScorer[ActiveRequestParameters]):
    """1 when idle, else proportional to the distance from the busiest endpoint.

    Counts requests that this worker sent after the last reading and that are still open (``Candidate.unseen``):
    older ones are in the reading, where the other scorers see them. Without readings it counts all open requests.
    """

    type = "active-request-scorer"
    Parameters = ActiveRequestParameters
    by_unseen = True

    def level(self, candidate: Candidate) -> float:
        count = candidate.unseen
        parameters = self.parameters
        if count <= parameters.idle_threshold:
            return 1.0
        busiest = max(self.memory.busiest, parameters.busy_floor, count)
        return parameters.max_busy_score * (busiest - count) / busiest
