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


class LoraAffinityScorer(KeyedScorer[NoParameters]):
    """1 where the adapter runs, 0.8 where a slot is free, 0.6 where it already waits for one, else 0.

    Requests for a base model need no slot: 1 everywhere. An engine that names no limit has not used an adapter yet
    (vLLM's metric appears with the first), so it has room; so has one without a reading, as far as is known.
    """

    type = "lora-affinity-scorer"

    _candidates: Sequence[Candidate] = ()
    _known: dict[str, list[Candidate]] | None = None
    """Adapter -> endpoints where it runs or waits; built at the first adapter request after a change."""
    _boosts: dict[str, Sequence[Boost]]
    """The same as points to add, for adapters that were asked for."""

    def score(self, candidates: Sequence[Candidate], request: PickRequest) -> Scores:
        if _is_base(request):
            return [ACTIVE] * len(candidates)
        return [_score(candidate, request.target_model) for candidate in candidates]

    def new_fleet(self, candidates: Sequence[Candidate]) -> None:
        self._candidates = candidates
        self._known = None
        self._boosts = {}

    def key(self, request: PickRequest) -> Hashable:
        return _is_base(request)

    def base(self, candidates: Sequence[Candidate], key: Hashable) -> Scores:
        """For an adapter, as if no engine knew it."""
        return [ACTIVE] * len(candidates) if key else [_score(candidate, "") for candidate in candidates]

    def boosts(self, request: PickRequest) -> Sequence[Boost]:
        if _is_base(request):
            return ()
        adapter = request.target_model
        if self._known is None:
            self._known = _knowing(self._candidates)
        if adapter not in self._known:
            return ()
        boosts = self._boosts.get(adapter)
        if boosts is None:
            boosts = self._boosts[adapter] = _additions(self._known[adapter], adapter)
        return boosts


def _is_base(request: PickRequest) -> bool:
    return request.target_model == request.base_model


def _knowing(candidates: Sequence[Candidate]) -> dict[str, list[Candidate]]:
    """Adapter -> endpoints where it runs or waits."""
    known: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        if candidate.load is not None:
            for name in candidate.load.running_loras | candidate.load.waiting_loras:
                known.setdefault(name, []).append(candidate)
    return known


def _additions(knowing: Sequence[Candidate], adapter: str) -> Sequence[Boost]:
    """What knowing the adapter adds to an endpoint's score."""
    slots: dict[float, set[int]] = {}
    for candidate in knowing:
        added = _score(candidate, adapter) - _score(candidate, "")
        slots.setdefault(added, set()).add(candidate.slot)
    return sorted(slots.items(), reverse=True)


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
