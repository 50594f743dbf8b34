from __future__ import annotations

import pytest

from modelyard.exchange.record import ExchangeRecord
from modelyard.telemetry.bounded_labels import OTHER
from modelyard.telemetry.flow_metrics import MAX_FAIRNESS_IDS, FlowMetrics, outcome

POOL = "InferencePool/default/chat"


def record(**fields: object) -> ExchangeRecord:
    made = ExchangeRecord(backend=POOL, endpoint="127.0.0.1:1", fairness_id="tenant", priority=3, deciding=0.0003)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "Dispatched"),
        ({"queued": 2.0}, "Dispatched"),
        ({"endpoint": "", "reason": "no_ready_endpoint", "status": 503}, "Dispatched"),
        ({"endpoint": "", "lacked_endpoints": True}, "RejectedNoEndpoints"),
        ({"endpoint": "", "lacked_endpoints": True, "queued": 3.0}, "EvictedNoEndpoints"),
        ({"endpoint": "", "reason": "saturated"}, "RejectedCapacity"),
        ({"endpoint": "", "reason": "saturated", "queued": 60.0}, "EvictedTTL"),
        ({"endpoint": "", "reason": "client_gone", "queued": 1.0}, "EvictedContextCancelled"),
        ({"endpoint": "", "reason": "client_gone", "queued": 1.0, "load_wait": 1.0}, "Dispatched"),
        ({"reason": "client_gone"}, "Dispatched"),
    ],
)
def test_how_a_request_left_the_queue(fields: dict[str, object], word: str) -> None:
    assert outcome(record(**fields)) == word


def test_rows_by_priority_id_and_outcome() -> None:
    metrics = FlowMetrics()
    metrics.take(record(queued=2.0, load_wait=0.5))
    metrics.take(record())
    metrics.take(record(fairness_id="another"))
    first, other = metrics.drain()
    assert first.key == (POOL, 3, "tenant", "Dispatched")
    assert (first.queued.total, sum(first.queued.buckets), first.queued.buckets[0]) == (1.5, 2, 1)
    assert sum(other.deciding.buckets) == 1
    assert metrics.drain() == []


def test_ids_are_capped() -> None:
    metrics = FlowMetrics()
    for number in range(MAX_FAIRNESS_IDS + 5):
        metrics.take(record(fairness_id=str(number)))
    rows = metrics.drain()
    assert len(rows) == MAX_FAIRNESS_IDS + 1
    assert next(sum(row.queued.buckets) for row in rows if row.fairness_id == OTHER) == 5
