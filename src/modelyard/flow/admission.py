"""Admission of requests to one pool, as a step function: who goes on, who waits, who is refused.

Without the ``flowControl`` gate nothing waits: only sheddable requests (priority below 0) are refused, while the pool
is full. With it, requests wait in bands by priority; the highest band is always served first, and every request that
waits longer than its time to live is given back as expired.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from modelyard.flow.band import Band
from modelyard.flow.config import FlowConfig
from modelyard.flow.drain_rate import DrainRate
from modelyard.flow.pace import Pace
from modelyard.flow.tickets import Offer, Ticket

__all__ = ["Admission", "Admitted", "Offer", "Queued", "Shed", "Ticket"]

FULL = 1.0
"""Saturation of a pool that should get no more."""


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


_ADMITTED = Admitted()


class Admission:
    """The queues of one pool in one worker."""

    def __init__(self, config: FlowConfig) -> None:
        self.config = config
        self.enabled = config.enabled
        """False: requests with priority >= 0 need not be offered at all."""
        self._tickets: dict[int, Ticket] = {}
        """All that wait, the longest waiting first."""
        self._bands: dict[int, Band] = {}
        """Non-empty ones only."""
        self._bytes = 0
        self._last_id = 0
        self._rate = DrainRate()
        self._pace = Pace()

    @property
    def queued(self) -> int:
        """Requests that wait."""
        return len(self._tickets)

    def offer(self, offer: Offer, now: float, saturation: float) -> Admitted | Queued | Shed:
        """Decide on one new request."""
        self._rate.observe(now)
        if not self.enabled:
            if offer.priority < 0 and saturation >= FULL:
                return self._shed(saturation)
            return _ADMITTED
        if not self._tickets and saturation < self.config.usage_limit:
            return _ADMITTED
        return self._enqueue(offer, now, saturation)

    def step(
        self, now: float, saturation: float, has_endpoints: bool = True
    ) -> tuple[Sequence[Ticket], Sequence[Ticket]]:
        """Tickets that may go on now, in order, and tickets that waited too long.

        To be called on a coarse timer (some times a second) and when a request ends, while anything is queued.
        """
        self._rate.observe(now)
        expired = self._expire(now, has_endpoints)
        full = saturation >= self.config.usage_limit or not has_endpoints
        count = min(self._pace.allowance(now, full), len(self._tickets))
        self._pace.spend(count)
        return [self._next() for _ in range(count)], expired

    def cancel(self, ticket_id: int) -> None:
        """The client of a waiting request went away; unknown ids are ignored."""
        ticket = self._tickets.get(ticket_id)
        if ticket is not None:
            self._remove(ticket)

    def completed(self) -> None:
        """A request of this pool ended: what the drain rate is measured from, and room for another one."""
        self._rate.completed += 1
        self._pace.completed()

    def retry_after(self, saturation: float = FULL) -> int:
        """Whole seconds that a refused client should wait, by the measured drain rate and what waits already."""
        return self._rate.retry_after(len(self._tickets) + 1, saturation)

    def _shed(self, saturation: float) -> Shed:
        return Shed(reason="rejected-saturated", retry_after=self.retry_after(saturation))

    def _enqueue(self, offer: Offer, now: float, saturation: float) -> Queued | Shed:
        band = self._bands.get(offer.priority) or Band(self.config.band(offer.priority), self.config.default_ttl)
        if not band.has_room(offer) or not self._has_room(offer):
            return self._shed(saturation)
        self._last_id += 1
        ticket = Ticket(id=self._last_id, offer=offer, queued_at=now)
        self._bands[offer.priority] = band
        band.add(ticket)
        self._tickets[ticket.id] = ticket
        self._bytes += offer.size
        return Queued(ticket=ticket)

    def _has_room(self, offer: Offer) -> bool:
        config = self.config
        return (config.max_requests is None or len(self._tickets) < config.max_requests) and (
            config.max_bytes is None or self._bytes + offer.size <= config.max_bytes
        )

    def _expire(self, now: float, has_endpoints: bool) -> list[Ticket]:
        ttl = self.config.default_ttl if has_endpoints else self.config.no_endpoint_ttl
        expired: list[Ticket] = []
        if ttl is None:
            return expired
        for ticket in self._tickets.values():
            if ticket.queued_at + ttl > now:
                break
            expired.append(ticket)
        for ticket in expired:
            self._remove(ticket)
        return expired

    def _next(self) -> Ticket:
        priority = max(self._bands)
        band = self._bands[priority]
        ticket = band.take()
        self._forget(ticket, band)
        return ticket

    def _remove(self, ticket: Ticket) -> None:
        band = self._bands[ticket.offer.priority]
        band.remove(ticket)
        self._forget(ticket, band)

    def _forget(self, ticket: Ticket, band: Band) -> None:
        del self._tickets[ticket.id]
        self._bytes -= ticket.offer.size
        if not band.requests:
            del self._bands[ticket.offer.priority]
