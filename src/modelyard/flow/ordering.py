"""The order of waiting requests within one turn: first come first served, or by deadline."""

from __future__ import annotations

from abc import ABC, abstractmethod
from heapq import heapify, heappop, heappush
from math import inf

from modelyard.flow.config import Ordering
from modelyard.flow.tickets import Ticket


class Line(ABC):
    """Waiting requests in the order in which they go on. Falsy when empty."""

    @abstractmethod
    def add(self, ticket: Ticket) -> None:
        """Put a request in its place."""

    @abstractmethod
    def take(self) -> Ticket:
        """Remove the next one; there must be one."""

    @abstractmethod
    def remove(self, ticket: Ticket) -> None:
        """Remove one from wherever it is; it must be there."""

    @abstractmethod
    def __len__(self) -> int: ...


class ArrivalLine(Line):
    """``fcfs-ordering-policy``."""

    def __init__(self) -> None:
        self._tickets: dict[int, Ticket] = {}

    def add(self, ticket: Ticket) -> None:
        self._tickets[ticket.id] = ticket

    def take(self) -> Ticket:
        return self._tickets.pop(next(iter(self._tickets)))

    def remove(self, ticket: Ticket) -> None:
        del self._tickets[ticket.id]

    def __len__(self) -> int:
        return len(self._tickets)


class DeadlineLine(Line):
    """``edf-ordering-policy`` and ``slo-deadline-ordering-policy``: the earliest deadline first, then by arrival."""

    def __init__(self, ttl: float | None) -> None:
        self._ttl = ttl
        self._tickets: dict[int, Ticket] = {}
        self._heap: list[tuple[float, int]] = []

    def add(self, ticket: Ticket) -> None:
        self._tickets[ticket.id] = ticket
        heappush(self._heap, (self._deadline(ticket), ticket.id))

    def take(self) -> Ticket:
        while True:
            ticket = self._tickets.pop(heappop(self._heap)[1], None)
            if ticket is not None:
                return ticket

    def remove(self, ticket: Ticket) -> None:
        """Leaves its entry in the heap; these never outnumber the waiting ones for long."""
        del self._tickets[ticket.id]
        if len(self._heap) > 2 * len(self._tickets) + 16:
            self._heap = [entry for entry in self._heap if entry[1] in self._tickets]
            heapify(self._heap)

    def __len__(self) -> int:
        return len(self._tickets)

    def _deadline(self, ticket: Ticket) -> float:
        return min(ticket.offer.deadline, ticket.queued_at + self._ttl if self._ttl is not None else inf)


def new_line(ordering: Ordering, ttl: float | None) -> Line:
    """An empty line. ``ttl``: seconds that requests may wait, their deadline under ``edf-ordering-policy``."""
    match ordering:
        case "fcfs-ordering-policy":
            return ArrivalLine()
        case "edf-ordering-policy":
            return DeadlineLine(ttl)
        case "slo-deadline-ordering-policy":
            return DeadlineLine(None)
