"""Request metrics of one worker: plain numbers in rows, drained once a second to the control process."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

import msgspec

from modelyard.exchange.record import ExchangeRecord
from modelyard.telemetry.bounded_labels import BoundedLabels

DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Upper bounds in seconds. From a cache hit's few milliseconds to a long generation's minutes."""

MAX_MODELS = 1000
"""Distinct model labels per worker; more fold into ``other``, since clients choose the name (threat: label growth)."""


class RequestRow(msgspec.Struct, array_like=True):
    """Counters of one combination of labels. Sums are seconds; buckets are not cumulative."""

    route: str
    backend: str
    model: str
    status: int
    reason: str
    count: int = 0
    duration_sum: float = 0.0
    first_byte_count: int = 0
    first_byte_sum: float = 0.0
    queued_sum: float = 0.0
    retries: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    load_waits: int = 0
    load_wait_sum: float = 0.0
    duration_buckets: list[int] = msgspec.field(default_factory=lambda: [0] * (len(DURATION_BUCKETS) + 1))
    first_byte_buckets: list[int] = msgspec.field(default_factory=lambda: [0] * (len(DURATION_BUCKETS) + 1))

    @property
    def key(self) -> tuple[str, str, str, int, str]:
        return (self.route, self.backend, self.model, self.status, self.reason)

    def add(self, other: RequestRow) -> None:
        """Add the counts of a row with the same labels."""
        for name in _SUMMED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.duration_buckets = [a + b for a, b in zip(self.duration_buckets, other.duration_buckets, strict=True)]
        self.first_byte_buckets = [
            a + b for a, b in zip(self.first_byte_buckets, other.first_byte_buckets, strict=True)
        ]


_SUMMED = (
    "count",
    "duration_sum",
    "first_byte_count",
    "first_byte_sum",
    "queued_sum",
    "retries",
    "request_bytes",
    "response_bytes",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "load_waits",
    "load_wait_sum",
)


_TOGETHER = 64


class RequestMetrics:
    """Rows by label combination. ``record`` is on the path of every request, so records are only collected there, and
    counted some at a time: code that runs again at once costs a fraction of code that comes around once per request."""

    __slots__ = ("_models", "_pending", "_rows")

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, str, int, str], RequestRow] = {}
        self._models = BoundedLabels(MAX_MODELS)
        self._pending: list[ExchangeRecord] = []

    def record(self, record: ExchangeRecord) -> None:
        """Count one finished exchange, which nobody changes any more."""
        pending = self._pending
        pending.append(record)
        if len(pending) >= _TOGETHER:
            self._count()

    def _count(self) -> None:
        for record in self._pending:
            row = self._row(record)
            row.count += 1
            duration = record.duration
            row.duration_sum += duration
            row.duration_buckets[bisect_left(DURATION_BUCKETS, duration)] += 1
            first_byte = record.time_to_first_byte
            if first_byte:
                row.first_byte_count += 1
                row.first_byte_sum += first_byte
                row.first_byte_buckets[bisect_left(DURATION_BUCKETS, first_byte)] += 1
            if record.attempts > 1:
                row.retries += record.attempts - 1
            if record.queued:
                row.queued_sum += record.queued
                if record.load_wait:
                    row.load_waits += 1
                    row.load_wait_sum += record.load_wait
            row.request_bytes += record.request_bytes
            row.response_bytes += record.response_bytes
            row.input_tokens += record.input_tokens
            row.output_tokens += record.output_tokens
            row.cached_tokens += record.cached_tokens
        self._pending.clear()

    def _row(self, record: ExchangeRecord) -> RequestRow:
        row = self._rows.get((record.route, record.backend, record.model, record.status, record.reason))
        if row is not None:
            return row
        # A model name becomes a label only once a request for it was routed to something that knows it: names that
        # clients make up leave room for the models that there are.
        model = self._models.of(record.model, learn=bool(record.backend) and record.status != 404)
        key = (record.route, record.backend, model, record.status, record.reason)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = RequestRow(*key)
        return row

    def know(self, models: Iterable[str]) -> None:
        """Names that are labels whatever a request for them comes to, within the cap."""
        for model in models:
            self._models.of(model)

    def drain(self) -> list[RequestRow]:
        """The rows since the last drain; counting starts anew."""
        self._count()
        rows = list(self._rows.values())
        self._rows = {}
        return rows
