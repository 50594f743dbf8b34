from __future__ import annotations

from modelyard.control.ext_proc.picked_metrics import flow_metrics, picked_metrics
from modelyard.telemetry import catalogue
from modelyard.telemetry.exposition import Distribution, render
from modelyard.telemetry.flow_metrics import QUEUE_BOUNDS, STEP_BOUNDS, FlowRow
from modelyard.telemetry.picker_rows import PickerTotals


def row(backend: str, outcome: str = "Dispatched", times: int = 1) -> FlowRow:
    made = FlowRow(backend, 1, "tenant", outcome)
    made.queued.observe(0.02, QUEUE_BOUNDS, times)
    made.deciding.observe(0.0003, STEP_BOUNDS, times)
    return made


def test_queues_by_pool_and_enqueueing_of_all_pools() -> None:
    rows = [row("InferencePool/a/x", times=2), row("InferencePool/a/y"), row("InferencePool/a/y", "RejectedCapacity")]
    shown = flow_metrics(rows, lambda backend: backend[-1])
    assert shown[catalogue.FLOW_REQUESTS] == [
        (("Dispatched", "1", "x"), 2),
        (("Dispatched", "1", "y"), 1),
        (("RejectedCapacity", "1", "y"), 1),
    ]
    durations = [item.labels for item in shown[catalogue.EXTENSION_QUEUE_DURATION] if isinstance(item, Distribution)]
    assert durations[0] == ("tenant", "1", "Dispatched", "x")
    enqueued = [item for item in shown[catalogue.EXTENSION_ENQUEUE] if isinstance(item, Distribution)]
    assert [(item.labels, sum(item.buckets)) for item in enqueued] == [
        (("tenant", "1", "Dispatched"), 3),
        (("tenant", "1", "RejectedCapacity"), 1),
    ]


def test_what_has_no_labels_is_shown_from_the_start() -> None:
    """So that rates over it begin with the first request."""
    page = render(picked_metrics(PickerTotals(), str), [])
    for name in (
        "inference_extension_scheduler_e2e_duration_seconds",
        "inference_extension_flow_control_dispatch_cycle_duration_seconds",
        "inference_extension_prefix_indexer_hit_ratio",
        "inference_extension_prefix_indexer_hit_bytes",
    ):
        assert f"\n{name}_count 0\n" in page
