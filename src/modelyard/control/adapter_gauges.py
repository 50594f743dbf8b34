"""Adapters on the metrics page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.telemetry import catalogue
from modelyard.telemetry.catalogue import Metric
from modelyard.telemetry.exposition import Sample

if TYPE_CHECKING:
    from modelyard.control.adapters import YardAdapters


def adapter_gauges(adapters: YardAdapters) -> dict[Metric, list[Sample]]:
    """The original syncer's, and one for each adapter on each replica."""
    return {
        catalogue.SYNCER_ADAPTER: [((name,), float(value)) for name, value in sorted(adapters.gauge().items())],
        catalogue.ADAPTER_LOADED: [
            ((status.replica, status.adapter, status.reason), float(status.loaded)) for status in adapters.statuses()
        ],
    }
