"""What admission's queues did with requests: one row per pool, priority, fairness id and outcome in a worker, drained
once a second to the control process. Only pools with the ``flowControl`` gate have any.
"""

from __future__ import annotations

import msgspec

from modelyard.exchange.record import ExchangeRecord
from modelyard.telemetry.bounded_labels import BoundedLabels
from modelyard.telemetry.histogram import Histogram

QUEUE_BOUNDS = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
STEP_BOUNDS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
"""Upper bounds in seconds, those of the original: of a wait, and of a step of the picker itself."""

MAX_FAIRNESS_IDS = 100
"""Distinct fairness ids as labels, per worker; a request's header names its own, so more fold into ``other``."""

DISPATCHED, NO_ROOM, EXPIRED, GONE = "Dispatched", "RejectedCapacity", "EvictedTTL", "EvictedContextCancelled"
REFUSED_UNSERVED, EXPIRED_UNSERVED = "RejectedNoEndpoints", "EvictedNoEndpoints"


class FlowRow(msgspec.Struct, array_like=True):
    """Counters of one combination of labels."""

    backend: str
    """Of the pool."""
    priority: int
    fairness_id: str
    outcome: str
    queued: Histogram = msgspec.field(default_factory=lambda: Histogram.over(QUEUE_BOUNDS))
    """Seconds in the queue, 0 where there was no need to wait."""
    deciding: Histogram = msgspec.field(default_factory=lambda: Histogram.over(STEP_BOUNDS))
    """Seconds that the decision took, the wait apart."""

    @property
    def key(self) -> tuple[str, int, str, str]:
        return self.backend, self.priority, self.fairness_id, self.outcome

    def add(self, other: FlowRow) -> None:
        """Add the counts of a row with the same labels."""
        self.queued.add(other.queued)
        self.deciding.add(other.deciding)


class FlowMetrics:
    """Rows by label combination."""

    def __init__(self) -> None:
        self.fairness_ids = BoundedLabels(MAX_FAIRNESS_IDS)
        self._rows: dict[tuple[str, int, str, str], FlowRow] = {}

    def take(self, record: ExchangeRecord) -> None:
        """Count a finished request that has a fairness id, so was offered to a queue."""
        key = (record.backend, record.priority, self.fairness_ids.of(record.fairness_id), outcome(record))
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = FlowRow(*key)
        row.queued.observe(record.queued - record.load_wait, QUEUE_BOUNDS)
        row.deciding.observe(record.deciding, STEP_BOUNDS)

    def drain(self) -> list[FlowRow]:
        """The rows since the last drain; counting starts anew."""
        rows, self._rows = list(self._rows.values()), {}
        return rows


def outcome(record: ExchangeRecord) -> str:
    """The original's word for how a request left the queue."""
    if not record.endpoint and not record.load_wait:
        if record.lacked_endpoints:
            return EXPIRED_UNSERVED if record.queued else REFUSED_UNSERVED
        if record.reason == "saturated":
            return EXPIRED if record.queued else NO_ROOM
        if record.reason == "client_gone":
            return GONE
    return DISPATCHED
