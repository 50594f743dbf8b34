from __future__ import annotations

from modelyard.control.ext_proc.router_metrics import router_metrics
from modelyard.extproc.body_based_router import NO_FIELD, NO_NAME
from modelyard.telemetry import catalogue
from modelyard.telemetry.bounded_labels import OTHER
from modelyard.telemetry.request_metrics import RequestRow


def test_requests_are_counted_by_what_their_bodies_gave() -> None:
    rows = [
        RequestRow("", "", OTHER, 0, "", count=5),
        RequestRow("", "", "", 0, "", count=7),
        RequestRow("", "", "", 0, NO_FIELD, count=3),
        RequestRow("", "", "", 0, NO_NAME, count=2),
        RequestRow("", "", OTHER, 413, "body_too_large", count=1),
    ]
    shown = router_metrics(rows)
    assert shown[catalogue.ROUTER_SUCCESS] == [((), 5)]
    assert shown[catalogue.ROUTER_NOT_IN_BODY] == [((), 3)]
    assert shown[catalogue.ROUTER_NOT_PARSED] == [((), 2)]
