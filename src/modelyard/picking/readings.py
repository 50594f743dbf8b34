"""Readings of endpoints as filters compare them: an unknown one, or one that is no number, counts as 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from modelyard.picking.candidate import Candidate
from modelyard.picking.points import clamp


def waiting(candidate: Candidate) -> float:
    """Requests that wait at the engine."""
    return candidate.load.waiting if candidate.load is not None else 0


def kv_usage(candidate: Candidate) -> float:
    """Share of the KV cache in use."""
    return clamp(candidate.load.kv_usage) if candidate.load is not None else 0.0


def lowest(candidates: Sequence[Candidate], reading: Callable[[Candidate], float]) -> Sequence[Candidate]:
    """Those in the lowest of as many equal parts of the readings' range as there are candidates: several where they are
    alike, so that what follows has a choice."""
    if not candidates:
        return candidates
    values = [reading(candidate) for candidate in candidates]
    least = min(values)
    limit = least + (max(values) - least) / len(values)
    return [candidate for candidate, value in zip(candidates, values, strict=True) if value <= limit]
