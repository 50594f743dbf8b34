from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from modelyard.exchange.record import ExchangeRecord
from modelyard.extproc.waiting_requests import MAX_MODELS, WaitingRequests
from modelyard.telemetry.bounded_labels import OTHER, BoundedLabels
from modelyard.worker.protocol import QueueGauge


def waiting(model: str, body: bytes = b"12345", fairness_id: str = "tenant") -> Any:
    record = ExchangeRecord(model=model, target_model=model, priority=2, fairness_id=fairness_id)
    return cast("Any", SimpleNamespace(record=record, body=body))


def test_like_requests_are_one_gauge() -> None:
    gauges = WaitingRequests(BoundedLabels(10), BoundedLabels(10)).gauges(
        [waiting("a"), waiting("a"), waiting("b", b"")]
    )
    assert gauges == (
        QueueGauge(priority=2, fairness_id="tenant", model="a", target_model="a", requests=2, size=10),
        QueueGauge(priority=2, fairness_id="tenant", model="b", target_model="b", requests=1, size=0),
    )


def test_names_are_bounded_but_those_of_served_models() -> None:
    served = BoundedLabels(10)
    served.of("served")
    counts = WaitingRequests(served, BoundedLabels(10))
    gauges = counts.gauges([waiting(f"made-up-{number}") for number in range(MAX_MODELS + 3)])
    assert len(gauges) == MAX_MODELS + 1
    assert gauges[-1].model == OTHER
    assert counts.gauges([waiting("served")])[0].model == "served"
