"""Request metrics under the names of the Gateway API Inference Extension (``inference_objective_*``): one row per model
and target model in a worker, drained once a second to the control process.

Bucket bounds are those of the original, so that panels with ``histogram_quantile`` read the same over both.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from modelyard.exchange.record import ExchangeRecord
from modelyard.telemetry import catalogue
from modelyard.telemetry.bounded_labels import BoundedLabels
from modelyard.telemetry.catalogue import Metric
from modelyard.telemetry.flow_metrics import STEP_BOUNDS, FlowMetrics
from modelyard.telemetry.request_metrics import MAX_MODELS

_TO_MINUTES = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60)
_SECONDS = (*_TO_MINUTES, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600)
_PER_TOKEN = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_BYTES = tuple(float(1 << power) for power in range(6, 31))
_SMALL = (1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
_ANSWER_BYTES = (*_SMALL, 16384, 32778, 65536)
_TOKENS = (*_ANSWER_BYTES, 131072, 262144, 524288, 1048576)


class Measured(NamedTuple):
    """One histogram."""

    metric: Metric
    bounds: tuple[float, ...]
    """Upper bounds; ``+Inf`` is implied."""


MEASURED = (
    Measured(catalogue.EXTENSION_PICK, STEP_BOUNDS),
    Measured(catalogue.OBJECTIVE_REQUEST_SIZE, _BYTES),
    Measured(catalogue.OBJECTIVE_DURATION, _SECONDS),
    Measured(catalogue.OBJECTIVE_FIRST_TOKEN, _SECONDS),
    Measured(catalogue.OBJECTIVE_PER_TOKEN, _PER_TOKEN),
    Measured(catalogue.OBJECTIVE_RESPONSE_SIZE, _ANSWER_BYTES),
    Measured(catalogue.OBJECTIVE_INPUT, _TOKENS),
    Measured(catalogue.OBJECTIVE_OUTPUT, _SMALL),
    Measured(catalogue.OBJECTIVE_CACHED, _TOKENS),
)
"""In the order of ``_PICK``, ``_SIZE`` and ``_of_answer``."""
_PICK, _SIZE, _ANSWER = range(3)
_BOUNDS = tuple(measured.bounds for measured in MEASURED)


def _of_answer(record: ExchangeRecord) -> tuple[float, ...]:
    """What is measured of one answer, from ``_ANSWER`` on; 0: not known, so not counted. Nothing is known where the
    proxy shows none."""
    if not record.status:
        return ()
    tokens = record.output_tokens
    return (
        record.duration,
        record.time_to_first_byte,
        record.duration / tokens if tokens else 0.0,
        record.response_bytes,
        record.input_tokens,
        tokens,
        record.cached_tokens,
    )


_ERROR_CODES = {
    400: "BadRequest",
    404: "BadConfiguration",
    412: "BadRequest",
    413: "BadRequest",
    429: "InferencePoolResourceExhausted",
    503: "ServiceUnavailable",
}
"""Codes of the original for what the picker itself answers."""
_UPSTREAM_ERROR, _OWN_ERROR = "ModelServerError", "Internal"


class ObjectiveRow(msgspec.Struct, array_like=True):
    """Counters of one model and target model. Buckets are not cumulative; lists are in the order of ``MEASURED``."""

    model: str
    target: str
    picked: dict[int, int] = msgspec.field(default_factory=dict)
    """Requests that an endpoint was picked for, by their priority."""
    unpicked: int = 0
    """Requests that were let through and found no endpoint."""
    errors: dict[str, int] = msgspec.field(default_factory=dict)
    buckets: list[list[int]] = msgspec.field(
        default_factory=lambda: [[0] * (len(measured.bounds) + 1) for measured in MEASURED]
    )
    sums: list[float] = msgspec.field(default_factory=lambda: [0.0] * len(MEASURED))

    @property
    def key(self) -> tuple[str, str]:
        return self.model, self.target

    def add(self, other: ObjectiveRow) -> None:
        """Add the counts of a row with the same labels."""
        for priority, count in other.picked.items():
            self.picked[priority] = self.picked.get(priority, 0) + count
        self.unpicked += other.unpicked
        for code, count in other.errors.items():
            self.errors[code] = self.errors.get(code, 0) + count
        for mine, theirs in zip(self.buckets, other.buckets, strict=True):
            mine[:] = [a + b for a, b in zip(mine, theirs, strict=True)]
        self.sums = [a + b for a, b in zip(self.sums, other.sums, strict=True)]


class ObjectiveMetrics:
    """Rows by model. Records are collected and counted some at a time, as in ``RequestMetrics``."""

    _TOGETHER = 64

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], ObjectiveRow] = {}
        self.names = BoundedLabels(2 * MAX_MODELS)
        self._picked: list[ExchangeRecord] = []
        self._pending: list[ExchangeRecord] = []
        self.flows = FlowMetrics()

    def picked(self, record: ExchangeRecord) -> None:
        """Count a request that an endpoint was picked for; ``record`` with the same comes once it is finished."""
        self._picked.append(record)
        if len(self._picked) >= self._TOGETHER:
            self._count()

    def record(self, record: ExchangeRecord) -> None:
        """Count one finished request, which nobody changes any more."""
        self._pending.append(record)
        if len(self._pending) >= self._TOGETHER:
            self._count()

    def drain(self) -> list[ObjectiveRow]:
        """The rows since the last drain; counting starts anew."""
        self._count()
        rows = list(self._rows.values())
        self._rows = {}
        return rows

    def _count(self) -> None:
        for record in self._picked:
            _take_pick(self._row(record), record)
        self._picked.clear()
        for record in self._pending:
            _take(self._row(record), record)
            if record.fairness_id:
                self.flows.take(record)
        self._pending.clear()

    def _row(self, record: ExchangeRecord) -> ObjectiveRow:
        row = self._rows.get((record.model, record.target_model))
        if row is not None:
            return row
        key = (self._label(record.model, record), self._label(record.target_model, record))
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = ObjectiveRow(*key)
        return row

    def _label(self, name: str, record: ExchangeRecord) -> str:
        """A name becomes a label only once a request for it was sent to a model server: clients choose names."""
        return self.names.of(name, learn=bool(record.endpoint))


def _take_pick(row: ObjectiveRow, record: ExchangeRecord) -> None:
    row.picked[record.priority] = row.picked.get(record.priority, 0) + 1
    _observe(row, _PICK, record.deciding)
    if record.sized:
        _observe(row, _SIZE, record.request_bytes)


def _take(row: ObjectiveRow, record: ExchangeRecord) -> None:
    code = error_code(record)
    if code:
        row.errors[code] = row.errors.get(code, 0) + 1
    if not record.endpoint:
        row.unpicked += record.status == 503
        return
    if not record.sized:
        _observe(row, _SIZE, record.request_bytes)
    for index, value in enumerate(_of_answer(record), _ANSWER):
        _observe(row, index, value)


def _observe(row: ObjectiveRow, index: int, value: float) -> None:
    if value:
        row.sums[index] += value
        row.buckets[index][bisect_left(_BOUNDS[index], value)] += 1


def error_code(record: ExchangeRecord) -> str:
    """The original's code for how a request failed; empty: it did not, or its client left."""
    if not record.status >= 400:
        return ""
    if record.reason and not record.endpoint:
        return _ERROR_CODES.get(record.status, _OWN_ERROR)
    return _UPSTREAM_ERROR


def joined(rows: Iterable[ObjectiveRow], into: dict[tuple[str, str], ObjectiveRow]) -> None:
    """Add rows to those of all workers."""
    for row in rows:
        known = into.get(row.key)
        if known is None:
            into[row.key] = row
        else:
            known.add(row)
