"""What workers count, all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from modelyard.control.worker_handle import Worker
from modelyard.telemetry.bounded_labels import OTHER
from modelyard.telemetry.request_metrics import RequestRow

_MOST_ROWS = 10_000
"""Combinations of labels kept; with more, models fold into ``other``: clients choose their names."""

Counts = dict[str, dict[str, int]]
"""By backend label, and within it by address or adapter."""

_decode_rows = msgspec.msgpack.Decoder(list[RequestRow]).decode


class RequestTotals:
    """Request counters of all workers since the start."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, str, int, str], RequestRow] = {}

    def add(self, encoded: bytes) -> None:
        """Add what a worker counted since its last report (``protocol.Stats.rows``)."""
        for row in _decode_rows(encoded) if encoded else ():
            if row.key not in self.rows and len(self.rows) >= _MOST_ROWS and row.model:
                row.model = OTHER
            known = self.rows.get(row.key)
            if known is None:
                self.rows[row.key] = row
            else:
                known.add(row)


def open_requests(workers: Iterable[Worker]) -> Counts:
    """Requests that are open now, by backend label and address."""
    return _summed(worker.stats.in_flight for worker in workers)


def adapter_waits(workers: Iterable[Worker]) -> Counts:
    """Requests that wait now for an adapter, by backend label and adapter."""
    return _summed(worker.stats.waiting_for_loads for worker in workers)


def _summed(parts: Iterable[Mapping[str, Mapping[str, int]]]) -> Counts:
    total: Counts = {}
    for part in parts:
        for backend, counts in part.items():
            row = total.setdefault(backend, {})
            for name, count in counts.items():
                row[name] = row.get(name, 0) + count
    return total
