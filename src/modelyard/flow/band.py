"""The waiting requests of one priority, and whose turn it is."""

from __future__ import annotations

from collections import OrderedDict

from modelyard.flow.config import BandConfig
from modelyard.flow.ordering import Line, new_line
from modelyard.flow.tickets import Offer, Ticket


class Band:
    """One line per fairness id, served in turn (``round-robin-fairness-policy``); or one line for all."""

    def __init__(self, config: BandConfig, ttl: float | None) -> None:
        self.config = config
        self.requests = 0
        self.bytes = 0
        self._ttl = ttl
        self._lines: OrderedDict[str, Line] = OrderedDict()
        """Non-empty ones only, the next turn first: idle ids cost nothing."""

    def has_room(self, offer: Offer) -> bool:
        """Whether one more may wait."""
        return self.requests < self.config.max_requests and self.bytes + offer.size <= self.config.max_bytes

    def add(self, ticket: Ticket) -> None:
        """Let a request wait."""
        name = self._line_name(ticket.offer)
        line = self._lines.get(name)
        if line is None:
            line = self._lines[name] = new_line(self.config.ordering, self._ttl)
        line.add(ticket)
        self.requests += 1
        self.bytes += ticket.offer.size

    def take(self) -> Ticket:
        """Remove the request whose turn it is; there must be one."""
        name, line = next(iter(self._lines.items()))
        ticket = line.take()
        if line:
            self._lines.move_to_end(name)
        else:
            del self._lines[name]
        self._left(ticket)
        return ticket

    def remove(self, ticket: Ticket) -> None:
        """Remove a request that waits here."""
        name = self._line_name(ticket.offer)
        line = self._lines[name]
        line.remove(ticket)
        if not line:
            del self._lines[name]
        self._left(ticket)

    def _left(self, ticket: Ticket) -> None:
        self.requests -= 1
        self.bytes -= ticket.offer.size

    def _line_name(self, offer: Offer) -> str:
        return offer.fairness_id if self.config.fairness == "round-robin-fairness-policy" else ""
