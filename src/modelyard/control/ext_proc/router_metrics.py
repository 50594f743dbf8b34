"""What a body-based router counts, under the metric names of the Gateway API Inference Extension."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from modelyard import __version__
from modelyard.extproc.body_based_router import NO_FIELD, NO_NAME
from modelyard.extproc.router_counts import POINT
from modelyard.telemetry import catalogue
from modelyard.telemetry.catalogue import Metric
from modelyard.telemetry.exposition import Distribution, Sample
from modelyard.telemetry.flow_metrics import STEP_BOUNDS
from modelyard.telemetry.picker_rows import PickerTotals
from modelyard.telemetry.request_metrics import RequestRow


def router_metrics(rows: Iterable[RequestRow], counted: PickerTotals) -> dict[Metric, Sequence[Sample | Distribution]]:
    """Out of all workers' request rows, and what they counted beside them. Requests without a body are in none."""
    missing = unreadable = 0
    for row in rows:
        if row.reason == NO_FIELD:
            missing += row.count
        elif row.reason == NO_NAME:
            unreadable += row.count
    return {
        catalogue.ROUTER_INFO: [(("", __version__), 1)],
        catalogue.ROUTER_SUCCESS: [((), counted.routed)],
        catalogue.ROUTER_NOT_IN_BODY: [((), missing)],
        catalogue.ROUTER_NOT_PARSED: [((), unreadable)],
        catalogue.ROUTER_PLUGIN: [
            Distribution(row.key, STEP_BOUNDS, row.seconds.buckets, row.seconds.total)
            for row in counted.plugins.values()
            if row.point == POINT
        ],
        catalogue.ROUTER_FIELD_MISSING: [((field,), n) for field, n in sorted(counted.missing_fields.items())],
        catalogue.ROUTER_FIELD_EMPTY: [((field,), n) for field, n in sorted(counted.empty_fields.items())],
    }
