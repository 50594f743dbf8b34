"""``no-hit-lru-scorer``: prompts that nobody has cached go round, so that caches grow evenly."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest
from modelyard.picking.policy import Parameters, RequestScorer, Scores

if TYPE_CHECKING:
    from modelyard.picking.memory import Memory

_WARM = 0.5


class NoHitLRUParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of ``no-hit-lru-scorer``."""

    prefix_plugin_type: str = "prefix-cache-scorer"
    """What knows of cached prefixes; there is one."""
    prefix_plugin_name: str = "prefix-cache-scorer"
    """Its name."""
    lru_size: int = 1024
    """Endpoints remembered; older ones count as never used."""

    def __post_init__(self) -> None:
        if self.lru_size < 1:
            raise ValueError("lruSize must be at least 1")
        if self.prefix_plugin_type != "prefix-cache-scorer":
            raise ValueError("prefixPluginType must be prefix-cache-scorer")


class NoHitLRUScorer(RequestScorer[NoHitLRUParameters]):
    """For a cold request: 1 for endpoints that never got one, then the longer ago the better, down to 0.

    0.5 everywhere when some endpoint has a part of the prompt. Unlike the reference it gives endpoints that never got
    a cold request the same score, so that several gateways do not all begin with the first.
    """

    type = "no-hit-lru-scorer"
    Parameters = NoHitLRUParameters
    reads_prefixes = True

    def __init__(self, parameters: NoHitLRUParameters, memory: Memory) -> None:
        super().__init__(parameters, memory)
        self._used: OrderedDict[int, None] = OrderedDict()
        """Slots in the order of their last cold request, the oldest first."""

    def score(self, candidates: Sequence[Candidate], request: PickRequest) -> Scores:
        if not self._is_cold(request):
            return [_WARM] * len(candidates)
        slots = {candidate.slot for candidate in candidates}
        order = [slot for slot in self._used if slot in slots]
        never = len(candidates) - len(order)
        last = max(len(candidates) - 1, 1)
        scores = {slot: 1.0 - (never + place) / last for place, slot in enumerate(order)}
        return [scores.get(candidate.slot, 1.0) for candidate in candidates]

    def started(self, candidate: Candidate, request: PickRequest, now: float) -> None:
        if self._is_cold(request):
            used = self._used
            used.pop(candidate.slot, None)
            used[candidate.slot] = None
            if len(used) > self.parameters.lru_size:
                used.popitem(last=False)

    def forget(self, candidate: Candidate) -> None:
        self._used.pop(candidate.slot, None)

    def _is_cold(self, request: PickRequest) -> bool:
        prefixes = self.memory.prefixes
        return not prefixes.groups(prefixes.chain(request.target_model, request.prompt))
