"""What a body-based router counts, under the metric names of the Gateway API Inference Extension."""

from __future__ import annotations

from collections.abc import Iterable

from modelyard import __version__
from modelyard.extproc.body_based_router import NO_FIELD, NO_NAME
from modelyard.telemetry import catalogue
from modelyard.telemetry.catalogue import Metric
from modelyard.telemetry.exposition import Sample
from modelyard.telemetry.request_metrics import RequestRow


def router_metrics(rows: Iterable[RequestRow]) -> dict[Metric, list[Sample]]:
    """Counters out of the request rows of all workers. Requests without a body are in neither."""
    found = missing = unreadable = 0
    for row in rows:
        if row.reason == NO_FIELD:
            missing += row.count
        elif row.reason == NO_NAME:
            unreadable += row.count
        elif row.model and not row.reason:
            found += row.count
    return {
        catalogue.ROUTER_INFO: [(("", __version__), 1)],
        catalogue.ROUTER_SUCCESS: [((), found)],
        catalogue.ROUTER_NOT_IN_BODY: [((), missing)],
        catalogue.ROUTER_NOT_PARSED: [((), unreadable)],
    }
