"""One endpoint as policies see it."""

from __future__ import annotations

from collections import deque

from modelyard.fleet.endpoints import Endpoint, EngineLoad

STALE_AFTER = 2.0
"""Seconds after which a reading says nothing more. Ten scrapes missed at the default interval: the engine hangs, or
nobody reads it. The one staleness rule, for scorers, filters and saturation alike."""

VISIBLE_AFTER = 0.02
"""Seconds from sending a request to the moment when the engine's metrics can show it (one engine step or so)."""

_STARTS_KEPT = 4096


class Candidate:
    """An endpoint, its load, and what this worker has open there. Policies read it and change nothing.

    ``unseen`` is what the engine's metrics cannot show yet: requests sent after the reading was taken and still open,
    ``min(in_flight, started since)``. Older ones are in the reading already and are not counted twice. Without a
    usable reading every open request is unseen.
    """

    __slots__ = ("_starts", "endpoint", "in_flight", "labels", "load", "ready", "slot", "tokens", "unseen")

    def __init__(self, slot: int, endpoint: Endpoint) -> None:
        self.slot = slot
        """Index into every list of the scheduler; reused after the endpoint is gone."""
        self.endpoint = endpoint
        self.labels = endpoint.labels
        self.ready = False
        self.load: EngineLoad | None = None
        """None: unknown, because there is no reading or it is stale."""
        self.in_flight = 0
        """Requests that this worker has open there."""
        self.tokens = 0
        """Prompt tokens of those requests."""
        self.unseen = 0
        self._starts: deque[float] = deque(maxlen=_STARTS_KEPT)

    def read(self, load: EngineLoad | None, now: float) -> None:
        """Take the latest reading; one that is stale at ``now`` counts as none."""
        if load is not None and now > load.valid_until(STALE_AFTER):
            load = None
        self.load = load
        starts = self._starts
        if load is None:
            starts.clear()
            self.unseen = self.in_flight
            return
        shown_until = load.at - VISIBLE_AFTER - load.delay
        while starts and starts[0] <= shown_until:
            starts.popleft()
        self.unseen = min(self.in_flight, len(starts))

    def start(self, now: float, tokens: int) -> None:
        """A request was sent."""
        self.in_flight += 1
        self.tokens += tokens
        if self.load is None:
            self.unseen = self.in_flight
        else:
            self._starts.append(now)
            self.unseen = min(self.in_flight, len(self._starts))

    def finish(self, tokens: int) -> None:
        """A request ended."""
        if self.in_flight > 0:
            self.in_flight -= 1
            self.tokens = max(0, self.tokens - tokens)
        if self.unseen > self.in_flight:
            self.unseen = self.in_flight
