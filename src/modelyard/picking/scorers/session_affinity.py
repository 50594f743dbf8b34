"""``session-affinity-scorer``: a session prefers its endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest
from modelyard.picking.policy import Boost, Scores, SparseScorer
from modelyard.picking.session_affinity import SessionParameters, Sessions

if TYPE_CHECKING:
    from modelyard.picking.memory import Memory


class SessionAffinityScorer(SparseScorer[SessionParameters]):
    """1 for the session's endpoint, else 0."""

    type = "session-affinity-scorer"
    Parameters = SessionParameters

    def __init__(self, parameters: SessionParameters, memory: Memory) -> None:
        super().__init__(parameters, memory)
        self._sessions = Sessions(parameters)
        self._slots: dict[str, int] = {}

    def score(self, candidates: Sequence[Candidate], request: PickRequest) -> Scores:
        address = self._sessions.address(request)
        return [1.0 if candidate.endpoint.address == address else 0.0 for candidate in candidates]

    def boosts(self, request: PickRequest) -> Sequence[Boost]:
        address = self._sessions.address(request)
        slot = self._slots.get(address) if address else None
        return () if slot is None else ((1.0, (slot,)),)

    def new_fleet(self, candidates: Sequence[Candidate]) -> None:
        self._sessions.new_fleet(candidates)
        self._slots = {candidate.endpoint.address: candidate.slot for candidate in candidates}

    def started(self, candidate: Candidate, request: PickRequest, now: float) -> None:
        self._sessions.started(candidate.endpoint.address, request, now)
