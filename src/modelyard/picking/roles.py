"""Roles of endpoints in disaggregated serving, as the label ``llm-d.ai/role`` names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest
from modelyard.picking.policy import Filter, NoParameters

ROLE_LABEL = "llm-d.ai/role"
"""``encode``, ``prefill``, ``decode``, several joined by a hyphen, or ``both`` for prefill and decode."""


class RoleFilter(Filter[NoParameters]):
    """Keeps endpoints that have a stage among their roles."""

    stage: ClassVar[str]
    keeps_unlabelled: ClassVar[bool] = False

    def keep(self, candidates: Sequence[Candidate], request: PickRequest) -> Sequence[Candidate]:
        return [candidate for candidate in candidates if self._takes(candidate.labels.get(ROLE_LABEL))]

    def _takes(self, role: str | None) -> bool:
        if not role:
            return self.keeps_unlabelled
        if role == "both":
            role = "prefill-decode"
        return self.stage in role.split("-")
