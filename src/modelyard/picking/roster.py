"""The endpoints of one pool as this worker knows them: slots, readings, own open requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf

from modelyard.fleet.endpoints import Endpoint
from modelyard.fleet.fleet import BackendFleet
from modelyard.picking.candidate import STALE_AFTER, Candidate


class Roster:
    """Gives every endpoint a slot for as long as it belongs to the pool."""

    def __init__(self) -> None:
        self.by_address: dict[str, Candidate] = {}
        self.slots: list[Candidate] = []
        """By slot; one that left stays until its slot is used again."""
        self.ready: list[Candidate] = []
        """In the fleet's order."""
        self.size = 0
        """Endpoints in the fleet, ready or not."""
        self.stale_at = inf
        """When the first of the readings in use becomes stale."""
        self.by_model = False
        """Some endpoint stands for several models and says the load of each."""
        self._fleet: BackendFleet | None = None
        self._free: list[int] = []
        self.departed: dict[str, int] = {}
        """Own open requests at endpoints that left the pool."""

    def update(self, fleet: BackendFleet, now: float) -> list[Candidate]:
        """Take a new picture; the candidates that left."""
        self._fleet = fleet
        known = self.by_address
        current: dict[str, Candidate] = {}
        stale_at = inf
        for state in fleet.endpoints:
            endpoint = state.endpoint
            candidate = known.get(endpoint.address) or self._arrive(endpoint)
            candidate.endpoint = endpoint
            candidate.labels = endpoint.labels
            candidate.ready = state.ready
            candidate.read(state.load, now)
            current[endpoint.address] = candidate
            if candidate.load is not None:
                stale_at = min(stale_at, candidate.load.valid_until(STALE_AFTER))
        gone = [candidate for address, candidate in known.items() if address not in current]
        for candidate in gone:
            self._depart(candidate)
        self.size = len(current)
        self.ready = [candidate for candidate in current.values() if candidate.ready]
        self.by_model = any(candidate.load is not None and candidate.load.by_model for candidate in self.ready)
        self.stale_at = stale_at
        return gone

    def refresh(self, now: float) -> None:
        """Some reading became stale."""
        if self._fleet is not None:
            self.update(self._fleet, now)

    def finish_departed(self, address: str) -> None:
        """A request at an endpoint that left the pool ended."""
        left = self.departed.pop(address, 0) - 1
        if left > 0:
            self.departed[address] = left

    def start_departed(self, address: str) -> None:
        """A request was sent to an endpoint that left the pool since it was picked."""
        self.departed[address] = self.departed.get(address, 0) + 1

    def _arrive(self, endpoint: Endpoint) -> Candidate:
        slot = self._free.pop() if self._free else len(self.slots)
        candidate = Candidate(slot, endpoint)
        candidate.in_flight = self.departed.pop(endpoint.address, 0)
        if slot == len(self.slots):
            self.slots.append(candidate)
        else:
            self.slots[slot] = candidate
        self.by_address[endpoint.address] = candidate
        return candidate

    def _depart(self, candidate: Candidate) -> None:
        address = candidate.endpoint.address
        del self.by_address[address]
        self._free.append(candidate.slot)
        if candidate.in_flight:
            self.departed[address] = candidate.in_flight


class OwnRequests(Mapping[str, int]):
    """This worker's open requests by address, where there are any; always up to date."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    def __getitem__(self, address: str) -> int:
        candidate = self._roster.by_address.get(address)
        count = self._roster.departed.get(address, 0) if candidate is None else candidate.in_flight
        if not count:
            raise KeyError(address)
        return count

    def __iter__(self) -> Iterator[str]:
        for address, candidate in self._roster.by_address.items():
            if candidate.in_flight:
                yield address
        yield from self._roster.departed

    def __len__(self) -> int:
        return sum(1 for _ in self)
