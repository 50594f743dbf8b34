from __future__ import annotations

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from modelyard.control.ext_proc.picked_metrics import objective_metrics
from modelyard.exchange.record import ExchangeRecord
from modelyard.telemetry.bounded_labels import OTHER
from modelyard.telemetry.exposition import render
from modelyard.telemetry.objective_metrics import MEASURED, ObjectiveMetrics, ObjectiveRow, error_code, joined
from modelyard.telemetry.request_metrics import MAX_MODELS

PICKED = ExchangeRecord(
    endpoint="127.0.0.1:1",
    model="chat",
    target_model="chat-v2",
    status=200,
    duration=2.0,
    time_to_first_byte=0.2,
    request_bytes=100,
    response_bytes=1000,
    input_tokens=10,
    output_tokens=20,
    deciding=0.0003,
)


def record(**fields: object) -> ExchangeRecord:
    made = ExchangeRecord(**{name: getattr(PICKED, name) for name in PICKED.__struct_fields__})
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def counted(*records: ExchangeRecord) -> dict[tuple[str, str], ObjectiveRow]:
    """As the control process has them, over the wire and in two parts."""
    metrics, total = ObjectiveMetrics(), {}
    decode = msgspec.msgpack.Decoder(list[ObjectiveRow]).decode
    for one in records:
        if one.endpoint:
            metrics.picked(one)
            joined(decode(msgspec.msgpack.encode(metrics.drain())), total)
        metrics.record(one)
        joined(decode(msgspec.msgpack.encode(metrics.drain())), total)
    return total


def samples(rows: dict[tuple[str, str], ObjectiveRow]) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(render(objective_metrics(list(rows.values())), []))
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def test_an_answered_request_is_measured() -> None:
    shown = samples(counted(PICKED, PICKED))
    key = ("chat", "chat-v2")
    assert shown["inference_objective_request_total", *key, "0"] == 2
    assert shown["inference_objective_request_sizes_sum", *key] == 200
    assert shown["inference_objective_request_duration_seconds_sum", *key] == 4
    assert shown["inference_objective_request_duration_seconds_bucket", *key, "2"] == 2
    assert shown["inference_objective_request_duration_seconds_bucket", *key, "1.5"] == 0
    assert shown["inference_objective_normalized_time_per_output_token_seconds_bucket", *key, "0.1"] == 2
    assert shown["inference_objective_input_tokens_sum", *key] == 20
    assert shown["inference_objective_prompt_cached_tokens_count", *key] == 0
    assert shown["inference_extension_scheduler_attempts_total", "success", *key] == 2


def test_picks_of_all_models_are_one_histogram() -> None:
    shown = samples(counted(PICKED, record(model="other-model"), record(deciding=0.02)))
    assert shown["inference_extension_scheduler_e2e_duration_seconds_bucket", "0.0005"] == 2
    assert shown["inference_extension_scheduler_e2e_duration_seconds_bucket", "0.02"] == 3
    assert shown["inference_extension_scheduler_e2e_duration_seconds_count",] == 3


def test_a_pick_counts_where_no_answer_is_shown() -> None:
    """The stream ends with the pick then, so nothing is known of the answer."""
    shown = samples(counted(record(status=0, duration=0.001)))
    assert shown["inference_extension_scheduler_e2e_duration_seconds_count",] == 1
    assert shown["inference_objective_request_total", "chat", "chat-v2", "0"] == 1
    assert shown["inference_objective_request_duration_seconds_count", "chat", "chat-v2"] == 0


def test_a_request_counts_when_it_is_picked() -> None:
    """As in the original: its body's size too, where that is known then."""
    metrics = ObjectiveMetrics()
    whole, long = record(sized=True, priority=2), record(request_bytes=0)
    metrics.picked(whole)
    metrics.picked(long)
    (row,) = metrics.drain()
    shown = samples({row.key: row})
    assert shown["inference_objective_request_total", *row.key, "2"] == 1
    assert shown["inference_objective_request_total", *row.key, "0"] == 1
    assert shown["inference_objective_request_sizes_sum", *row.key] == 100
    assert shown["inference_extension_scheduler_e2e_duration_seconds_count",] == 2
    long.request_bytes = 7
    metrics.record(whole)
    metrics.record(long)
    (ended,) = metrics.drain()
    assert ended.picked == {}
    row.add(ended)
    shown = samples({row.key: row})
    assert shown["inference_objective_request_sizes_sum", *row.key] == 107
    assert shown["inference_objective_request_duration_seconds_count", *row.key] == 2
    assert shown["inference_extension_scheduler_e2e_duration_seconds_count",] == 2


def test_a_refused_request_is_an_error_and_not_measured() -> None:
    refused = record(endpoint="", status=503, reason="no_ready_endpoint")
    shown = samples(counted(PICKED, refused))
    assert shown["inference_objective_request_error_total", "chat", "chat-v2", "ServiceUnavailable"] == 1
    assert shown["inference_objective_request_total", "chat", "chat-v2", "0"] == 1
    assert sum(value for name, value in shown.items() if name[0].endswith("request_duration_seconds_count")) == 1
    assert sum(value for name, value in shown.items() if name[1:2] == ("failure",)) == 1


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, ""),
        ({"status": 0, "reason": "client_gone"}, ""),
        ({"status": 404}, "ModelServerError"),
        ({"status": 500}, "ModelServerError"),
        ({"endpoint": "", "status": 400, "reason": "invalid_json"}, "BadRequest"),
        ({"endpoint": "", "status": 429, "reason": "saturated"}, "InferencePoolResourceExhausted"),
        ({"endpoint": "", "status": 500, "reason": "internal"}, "Internal"),
    ],
)
def test_error_codes(fields: dict[str, object], code: str) -> None:
    assert error_code(record(**fields)) == code


def test_names_that_nobody_serves_are_no_labels() -> None:
    rows = counted(*(record(endpoint="", status=404, model=f"made-up-{number}") for number in range(20)))
    assert set(rows) == {(OTHER, OTHER)}


def test_models_are_capped() -> None:
    metrics = ObjectiveMetrics()
    for number in range(2 * MAX_MODELS + 10):
        metrics.picked(record(model=f"m{number}", target_model=""))
    rows = metrics.drain()
    assert len(rows) == 2 * MAX_MODELS + 1
    assert next(row.picked for row in rows if row.model == OTHER) == {0: 10}


def test_bounds_rise() -> None:
    for measured in MEASURED:
        assert list(measured.bounds) == sorted(set(measured.bounds))


def test_a_request_that_was_offered_to_a_queue_is_counted_there_too() -> None:
    metrics = ObjectiveMetrics()
    metrics.record(record(fairness_id="tenant"))
    metrics.record(PICKED)
    assert len(metrics.drain()) == 1
    assert [row.fairness_id for row in metrics.flows.drain()] == ["tenant"]
