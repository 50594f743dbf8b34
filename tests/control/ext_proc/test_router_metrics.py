from __future__ import annotations

from modelyard.control.ext_proc.router_metrics import router_metrics
from modelyard.extproc.body_based_router import NO_FIELD, NO_NAME
from modelyard.telemetry import catalogue
from modelyard.telemetry.bounded_labels import OTHER
from modelyard.telemetry.exposition import Distribution
from modelyard.telemetry.flow_metrics import STEP_BOUNDS
from modelyard.telemetry.picker_rows import PickerRows, PickerTotals, PluginRow, RouterRows
from modelyard.telemetry.request_metrics import RequestRow


def test_requests_are_counted_by_what_their_bodies_gave() -> None:
    rows = [
        RequestRow("", "", OTHER, 0, "", count=5),
        RequestRow("", "", "", 0, "", count=7),
        RequestRow("", "", "", 0, NO_FIELD, count=3),
        RequestRow("", "", "", 0, NO_NAME, count=2),
        RequestRow("", "", OTHER, 413, "body_too_large", count=1),
    ]
    counted = PickerTotals()
    shown = router_metrics(rows, counted)
    assert shown[catalogue.ROUTER_NOT_IN_BODY] == [((), 3)]
    assert shown[catalogue.ROUTER_NOT_PARSED] == [((), 2)]


def test_what_workers_count_beside_requests_adds_up() -> None:
    counted = PickerTotals()
    for _ in range(2):
        of_pools = PluginRow("Scorer", "queue-scorer", "queues")
        plugin = PluginRow("request", "body-field-to-header", "model")
        plugin.seconds.observe(0.0003, STEP_BOUNDS)
        found = RouterRows(routed=5, missing={"user": 1}, empty={"model": 2})
        counted.add(PickerRows(plugins=[plugin, of_pools], router=found))
    shown = router_metrics([], counted)
    assert shown[catalogue.ROUTER_SUCCESS] == [((), 10)]
    assert shown[catalogue.ROUTER_FIELD_MISSING] == [(("user",), 2)]
    assert shown[catalogue.ROUTER_FIELD_EMPTY] == [(("model",), 4)]
    (timed,) = shown[catalogue.ROUTER_PLUGIN]
    assert isinstance(timed, Distribution)
    assert (timed.labels, sum(timed.buckets)) == (("request", "body-field-to-header", "model"), 2)
