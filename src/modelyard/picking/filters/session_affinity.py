"""``session-affinity-filter``: a session stays at its endpoint as long as that is a candidate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest
from modelyard.picking.policy import Pin
from modelyard.picking.session_affinity import SessionParameters, Sessions

if TYPE_CHECKING:
    from modelyard.picking.memory import Memory


class SessionAffinityFilter(Pin[SessionParameters]):
    """Leaves the session's endpoint; all, where it has none."""

    type = "session-affinity-filter"
    Parameters = SessionParameters

    def __init__(self, parameters: SessionParameters, memory: Memory) -> None:
        super().__init__(parameters, memory)
        self._sessions = Sessions(parameters)

    def address(self, request: PickRequest) -> str | None:
        return self._sessions.address(request)

    def new_fleet(self, candidates: Sequence[Candidate]) -> None:
        self._sessions.new_fleet(candidates)

    def started(self, candidate: Candidate, request: PickRequest, now: float) -> None:
        self._sessions.started(candidate.endpoint.address, request, now)
