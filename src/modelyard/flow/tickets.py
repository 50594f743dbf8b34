"""Requests on their way through admission."""

from __future__ import annotations

from math import inf

import msgspec


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What admission reads of one request."""

    priority: int = 0
    """Higher goes first; below 0 is sheddable."""
    fairness_id: str = "default-flow"
    """Whose request it is, for round robin."""
    size: int = 0
    """Bytes of the request's body."""
    deadline: float = inf
    """When the answer is worth nothing any more (seconds, CLOCK_MONOTONIC), for slo-deadline-ordering-policy."""


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """A waiting request."""

    id: int
    """Unique within one Admission, in order of arrival."""
    offer: Offer
    queued_at: float
