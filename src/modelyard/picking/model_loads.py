"""Picks by the load of the request's own model, where endpoints stand for engines of several models.

An endpoint of Ray Serve LLM is a proxy in front of all models of its node: one model's queue says nothing about
another's. Such pools are small, so their candidates are scored one by one, each with the part of its load that the
request would meet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from modelyard.picking.candidate import Candidate


@contextmanager
def loads_of_model(candidates: Sequence[Candidate], model: str) -> Iterator[None]:
    """Within the context, ``candidates`` have the load of ``model`` alone."""
    whole = [candidate.load for candidate in candidates]
    for candidate in candidates:
        if candidate.load is not None:
            candidate.load = candidate.load.of_model(model)
    try:
        yield
    finally:
        for candidate, load in zip(candidates, whole, strict=True):
            candidate.load = load
