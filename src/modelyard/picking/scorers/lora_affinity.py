"""``lora-affinity-scorer``: adapters go where they are loaded, else where there is room."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest
from modelyard.picking.policy import Boost, KeyedScorer, NoParameters, Scores

ACTIVE = 1.0
ROOM = 0.8
WAITING = 0.6
FULL = 0.0

_FEW = 8
"""Up to this many endpoints that know an adapter it is cheaper to look at each than to keep scores per adapter."""
_ANY_ADAPTER = object()


class LoraAffinityScorer(KeyedScorer[NoParameters]):
    """1 where the adapter runs, 0.8 where a slot is free, 0.6 where it already waits for one, else 0.

    Requests for a base model need no slot: 1 everywhere. An engine that names no limit has not used an adapter yet
    (vLLM's metric appears with the first), so it has room; so has one without a reading, as far as is known.
    """

    type = "lora-affinity-scorer"

    _candidates: Sequence[Candidate] = ()
    _known: dict[str, list[Candidate]] | None = None
    """Adapter -> endpoints where it runs or waits; built at the first adapter request after a change."""

    def score(self, candidates: Sequence[Candidate], request: PickRequest) -> Scores:
        if request.target_model == request.base_model:
            return [ACTIVE] * len(candidates)
        return [_score(candidate, request.target_model) for candidate in candidates]

    def new_fleet(self, candidates: Sequence[Candidate]) -> None:
        self._candidates = candidates
        self._known = None

    def key(self, request: PickRequest) -> Hashable:
        if request.target_model == request.base_model:
            return None
        if len(self._knowing(request.target_model)) > _FEW:
            return request.target_model
        return _ANY_ADAPTER

    def base(self, candidates: Sequence[Candidate], key: Hashable) -> Scores:
        if key is None:
            return [ACTIVE] * len(candidates)
        adapter = key if isinstance(key, str) else ""
        return [_score(candidate, adapter) for candidate in candidates]

    def boosts(self, request: PickRequest) -> Sequence[Boost]:
        if request.target_model == request.base_model:
            return ()
        knowing = self._knowing(request.target_model)
        if not 0 < len(knowing) <= _FEW:
            return ()
        return [(_score(c, request.target_model) - _score(c, ""), (c.slot,)) for c in knowing]

    def _knowing(self, adapter: str) -> Sequence[Candidate]:
        if self._known is None:
            self._known = {}
            for candidate in self._candidates:
                if candidate.load is not None:
                    for name in candidate.load.running_loras | candidate.load.waiting_loras:
                        self._known.setdefault(name, []).append(candidate)
        return self._known.get(adapter, ())


def _score(candidate: Candidate, adapter: str) -> float:
    """Score of an adapter by name; with no name, of one that the engine does not know."""
    load = candidate.load
    if load is None:
        return ROOM
    if adapter in load.running_loras:
        return ACTIVE
    if not load.max_loras or len(load.running_loras) + len(load.waiting_loras) < load.max_loras:
        return ROOM
    return WAITING if adapter in load.waiting_loras else FULL
