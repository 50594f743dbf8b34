"""Scores as whole numbers, so that sums are exact in any order and ties are ties."""

from __future__ import annotations

from collections.abc import Iterable

from modelyard.picking.policy import Scores

POINT = 1_000_000
"""Points of a score of 1 with weight 1. A millionth is far below what any score means."""

NEVER = -(1 << 50)
"""Total of a slot that may not be chosen; no sum of points lifts it to 0."""


def clamp(score: float) -> float:
    """A score within 0 to 1; NaN is 0."""
    return score if 0.0 <= score <= 1.0 else (1.0 if score > 1.0 else 0.0)


def points(weight: float, score: float) -> int:
    """What a score adds to the total."""
    return int(weight * POINT * clamp(score) + 0.5)


def known(scores: Scores) -> list[float]:
    """The scores with each unknown one set to the mean of the known ones, or to 1 where none is known."""
    if None not in scores:
        return list(scores)  # type: ignore[arg-type]
    values = [clamp(score) for score in scores if score is not None]
    mean = sum(values) / len(values) if values else 1.0
    return [mean if score is None else score for score in scores]


def add_points(totals: list[int], slots: Iterable[int], weight: float, scores: Scores) -> None:
    """Add a policy's scores of candidates to the totals of their slots."""
    scale = weight * POINT
    for slot, score in zip(slots, known(scores), strict=True):
        totals[slot] += int(scale * (score if 0.0 <= score <= 1.0 else clamp(score)) + 0.5)
