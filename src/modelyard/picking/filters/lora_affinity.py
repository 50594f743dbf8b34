"""``lora-affinity-filter``: endpoints that have the adapter, else those with room for it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest
from modelyard.picking.policy import Filter, Parameters

LEAST = 0.9


class LoraAffinityFilterParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of ``lora-affinity-filter``."""

    threshold: float = 0.999
    """Elsewhere the share of requests that go to endpoints with the adapter where others have room for it; here all
    do. At least 0.9."""

    def __post_init__(self) -> None:
        if not LEAST <= self.threshold <= 1.0:
            raise ValueError(f"threshold must be {LEAST} to 1: requests always go where their adapter is")


class LoraAffinityFilter(Filter[LoraAffinityFilterParameters]):
    """Keeps endpoints where the adapter runs or waits; where there is none, those with a free slot for adapters."""

    type = "lora-affinity-filter"
    Parameters = LoraAffinityFilterParameters

    def keep(self, candidates: Sequence[Candidate], request: PickRequest) -> Sequence[Candidate]:
        having = [candidate for candidate in candidates if _has(candidate, request.target_model)]
        return having or [candidate for candidate in candidates if _has_room(candidate)]

    def key(self, request: PickRequest) -> Hashable:
        return request.target_model


def _has(candidate: Candidate, adapter: str) -> bool:
    load = candidate.load
    return load is not None and (adapter in load.running_loras or adapter in load.waiting_loras)


def _has_room(candidate: Candidate) -> bool:
    """An engine that names no limit has not used an adapter yet."""
    load = candidate.load
    return load is None or not load.max_loras or len(load.running_loras | load.waiting_loras) < load.max_loras
