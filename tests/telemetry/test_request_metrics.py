"""Counters of requests."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelyard.exchange.record import ExchangeRecord
from modelyard.telemetry.bounded_labels import OTHER
from modelyard.telemetry.request_metrics import MAX_MODELS, RequestMetrics, RequestRow

records = st.builds(
    ExchangeRecord,
    route=st.sampled_from(["", "default/r"]),
    backend=st.just("InferencePool/default/p"),
    model=st.sampled_from(["", "m", "n"]),
    status=st.sampled_from([200, 503, 0]),
    duration=st.floats(0, 1000),
    time_to_first_byte=st.floats(0, 1000),
    attempts=st.integers(0, 4),
    output_tokens=st.integers(0, 100),
)


@given(st.lists(records, max_size=30))
def test_every_record_is_counted_once(given_records: list[ExchangeRecord]) -> None:
    metrics = RequestMetrics()
    for record in given_records:
        metrics.record(record)
    rows = metrics.drain()
    assert sum(row.count for row in rows) == len(given_records)
    assert sum(row.output_tokens for row in rows) == sum(record.output_tokens for record in given_records)
    assert all(sum(row.duration_buckets) == row.count for row in rows)
    assert all(sum(row.first_byte_buckets) == row.first_byte_count for row in rows)
    assert metrics.drain() == []


@given(st.lists(records, max_size=20), st.lists(records, max_size=20))
def test_adding_rows_is_counting_all(first: list[ExchangeRecord], second: list[ExchangeRecord]) -> None:
    apart: dict[object, RequestRow] = {}
    for part in (first, second):
        metrics = RequestMetrics()
        for record in part:
            metrics.record(record)
        for row in metrics.drain():
            if row.key in apart:
                apart[row.key].add(row)
            else:
                apart[row.key] = row
    together = RequestMetrics()
    for record in [*first, *second]:
        together.record(record)
    whole = {row.key: (row.count, row.duration_buckets, row.output_tokens) for row in together.drain()}
    assert {key: (row.count, row.duration_buckets, row.output_tokens) for key, row in apart.items()} == whole


def test_model_labels_are_bounded() -> None:
    metrics = RequestMetrics()
    for number in range(MAX_MODELS + 50):
        metrics.record(ExchangeRecord(backend="b", model=f"m{number}", status=200))
    models = {row.model for row in metrics.drain()}
    assert len(models) == MAX_MODELS + 1
    assert OTHER in models


def test_a_model_that_was_never_routed_is_no_label() -> None:
    metrics = RequestMetrics()
    metrics.record(ExchangeRecord(model="made-up", status=404))
    assert [row.model for row in metrics.drain()] == [OTHER]


def test_names_that_no_backend_knows_leave_room_for_models() -> None:
    metrics = RequestMetrics()
    for number in range(2 * MAX_MODELS):
        metrics.record(ExchangeRecord(backend="b", model=f"made-up-{number}", status=404))
    for status in (200, 404):
        metrics.record(ExchangeRecord(backend="b", model="m", status=status))
    assert [(row.model, row.status, row.count) for row in metrics.drain()] == [
        (OTHER, 404, 2 * MAX_MODELS),
        ("m", 200, 1),
        ("m", 404, 1),
    ]


def test_waits_for_adapters_are_counted_apart() -> None:
    metrics = RequestMetrics()
    for queued, load_wait in ((0.0, 0.0), (2.0, 0.0), (3.0, 2.5)):
        metrics.record(ExchangeRecord(queued=queued, load_wait=load_wait))
    [row] = metrics.drain()
    assert (row.count, row.queued_sum, row.load_waits, row.load_wait_sum) == (3, 5.0, 1, 2.5)


def test_names_that_are_known_are_labels_though_nothing_was_routed() -> None:
    metrics = RequestMetrics()
    metrics.know(["a", *(f"m{number}" for number in range(MAX_MODELS))])
    for model in ("a", "made-up", f"m{MAX_MODELS - 1}"):
        metrics.record(ExchangeRecord(model=model))
    assert {row.model: row.count for row in metrics.drain()} == {"a": 1, OTHER: 2}
