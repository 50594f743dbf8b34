"""Candidates of all requests that no filter tells apart, with what their totals do not owe to one request."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from modelyard.picking.candidate import Candidate
from modelyard.picking.points import NEVER, add_points
from modelyard.picking.policy import KeyedScorer
from modelyard.picking.ranking import Ranking

MAX_RANKINGS = 64
"""Kept per view, one per combination of scorers' keys; the oldest goes first. At 1,000 endpoints 16 KB each."""

Weighted = tuple[float, KeyedScorer[Any]]


class View:
    """Valid for one version of the fleet."""

    __slots__ = ("_keyed", "_rankings", "_static", "candidates", "nothing", "slots")

    def __init__(
        self, candidates: Sequence[Candidate], static: list[int], keyed: Sequence[Weighted], nothing: str = ""
    ) -> None:
        self.candidates = candidates
        self.slots = [candidate.slot for candidate in candidates]
        self.nothing = nothing
        """Why there are no candidates."""
        self._static = static
        self._keyed = keyed
        self._rankings: dict[Hashable, Ranking] = {}

    def ranking(self, key: Hashable) -> Ranking:
        """Totals for requests with this key: of the one keyed scorer, or a tuple with one each."""
        ranking = self._rankings.get(key)
        if ranking is None:
            if len(self._rankings) >= MAX_RANKINGS:
                del self._rankings[next(iter(self._rankings))]
            ranking = self._rankings[key] = Ranking(self._keyed_points(key))
        return ranking

    def _keyed_points(self, key: Hashable) -> list[int]:
        static = self._static.copy()
        keys = key if isinstance(key, tuple) else (key,)
        for (weight, scorer), part in zip(self._keyed, keys, strict=False):
            add_points(static, self.slots, weight, scorer.base(self.candidates, part))
        return static


def no_slots(size: int) -> list[int]:
    """Static points where no slot may be chosen."""
    return [NEVER] * size
