"""Admission of requests to one pool, as a step function: who goes on, who waits, who is refused."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from modelyard.flow.config import FlowConfig

MAX_RETRY_AFTER = 60
"""Seconds; a client that is told to wait longer has given up."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What admission reads of one request."""

    priority: int = 0
    fairness_id: str = "default-flow"
    size: int = 0
    """Bytes of the request's body."""
    deadline: float | None = None
    """When the answer is worth nothing any more (seconds, CLOCK_MONOTONIC), for edf-ordering-policy."""


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """A waiting request."""

    id: int
    """Unique within one Admission."""
    offer: Offer
    queued_at: float
    expires_at: float | None


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """Go on now."""


class Queued(msgspec.Struct, frozen=True, kw_only=True):
    """Wait: ``step`` will name the ticket when it may go on or has waited too long."""

    ticket: Ticket


class Shed(msgspec.Struct, frozen=True, kw_only=True):
    """Refused."""

    reason: str
    """As in ``x-llm-d-request-dropped-reason``, for example ``rejected-saturated``."""
    retry_after: int
    """Whole seconds for ``Retry-After``, 1 to 60."""
    status: int = 429


class Admission:
    """The queues of one pool in one worker."""

    def __init__(self, config: FlowConfig) -> None:
        self.config = config
        self.enabled = config.enabled
        """False: requests with priority >= 0 need not be offered at all."""

    @property
    def queued(self) -> int:
        """Requests that wait."""
        raise NotImplementedError

    def offer(self, offer: Offer, now: float, saturation: float) -> Admitted | Queued | Shed:
        """Decide on one new request."""
        raise NotImplementedError

    def step(
        self, now: float, saturation: float, has_endpoints: bool = True
    ) -> tuple[Sequence[Ticket], Sequence[Ticket]]:
        """Tickets that may go on now, in order, and tickets that waited too long. To be called on a coarse timer, and
        when a request ends."""
        raise NotImplementedError

    def cancel(self, ticket_id: int) -> None:
        """The client of a waiting request went away; unknown ids are ignored."""
        raise NotImplementedError

    def completed(self) -> None:
        """A request of this pool ended: what the drain rate is measured from."""
        raise NotImplementedError

    def retry_after(self) -> int:
        """Whole seconds that a refused client should wait, from the measured drain rate, 1 to 60."""
        raise NotImplementedError
