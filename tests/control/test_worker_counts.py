from __future__ import annotations

import msgspec
import pytest

from modelyard.control import worker_counts
from modelyard.control.worker_counts import RequestTotals, adapter_waits, open_requests
from modelyard.control.worker_handle import Worker
from modelyard.telemetry.bounded_labels import OTHER
from modelyard.telemetry.request_metrics import RequestRow
from modelyard.worker import protocol


def rows(*models: str) -> bytes:
    return msgspec.msgpack.encode([RequestRow("r", "b", model, 200, "", count=1) for model in models])


def test_rows_of_one_kind_are_added() -> None:
    totals = RequestTotals()
    for encoded in (rows("a", "b"), b"", rows("a")):
        totals.add(encoded)
    assert {row.model: row.count for row in totals.rows.values()} == {"a": 2, "b": 1}


def test_too_many_models_fold_into_one_label(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_counts, "_MOST_ROWS", 2)
    totals = RequestTotals()
    totals.add(rows("a", "b", "c", "d", "a"))
    assert {row.model: row.count for row in totals.rows.values()} == {"a": 2, "b": 1, OTHER: 2}


def test_open_requests_and_waits_of_all_workers() -> None:
    first, second = Worker(0), Worker(1)
    first.stats = protocol.Stats(worker=0, in_flight={"p": {"x": 1, "y": 2}}, waiting_for_loads={"p": {"sql": 1}})
    second.stats = protocol.Stats(worker=1, in_flight={"p": {"x": 3}, "q": {"z": 1}})
    assert open_requests([first, second]) == {"p": {"x": 4, "y": 2}, "q": {"z": 1}}
    assert adapter_waits([first, second]) == {"p": {"sql": 1}}
