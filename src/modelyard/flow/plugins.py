"""Plugins of flow control that an EndpointPickerConfig may name, with their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from modelyard.resources.durations import parse_go_duration


class FlowParameters(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel", omit_defaults=True
):
    """Parameters of a flow control plugin; none, if not said otherwise."""


class UtilizationDetectorParameters(FlowParameters, frozen=True, kw_only=True):
    """Parameters of ``utilization-detector``."""

    queue_depth_threshold: int = 5
    """Waiting requests of one engine that count as full."""
    kv_cache_util_threshold: float = 0.8
    """Share of an engine's KV cache that counts as full."""
    metrics_staleness_threshold: str = "2s"
    """Age at which a reading counts as none; at least 500ms is taken. Elsewhere 200ms, a tenth of what its own scrape
    allows; here one rule."""
    headroom: float = 0.0
    """Only of the detector as a filter, which is not implemented: 0."""

    def __post_init__(self) -> None:
        if self.queue_depth_threshold < 1:
            raise ValueError("queueDepthThreshold must be at least 1")
        if not 0.0 < self.kv_cache_util_threshold <= 1.0:
            raise ValueError("kvCacheUtilThreshold must be above 0 and at most 1")
        if parse_go_duration(self.metrics_staleness_threshold) <= 0:
            raise ValueError("metricsStalenessThreshold must be above 0")
        _no_headroom(self.headroom)


class ConcurrencyDetectorParameters(FlowParameters, frozen=True, kw_only=True):
    """Parameters of ``concurrency-detector``."""

    concurrency_mode: Literal["requests"] = "requests"
    """What is counted; tokens are not."""
    max_concurrency: int = 100
    """Open requests per endpoint that count as full."""
    headroom: float = 0.0
    """Only of the detector as a filter, which is not implemented: 0."""

    def __post_init__(self) -> None:
        if self.max_concurrency < 1:
            raise ValueError("maxConcurrency must be at least 1")
        _no_headroom(self.headroom)


class UsageLimitParameters(FlowParameters, frozen=True, kw_only=True):
    """Parameters of ``static-usage-limit-policy``."""

    threshold: float = 1.0
    """Saturation from which nothing is dispatched."""

    def __post_init__(self) -> None:
        if not 0.0 < self.threshold <= 1.0:
            raise ValueError("threshold must be above 0 and at most 1")


UTILIZATION: Final = "utilization-detector"
CONCURRENCY: Final = "concurrency-detector"
USAGE_LIMIT: Final = "static-usage-limit-policy"
FAIRNESS = ("global-strict-fairness-policy", "round-robin-fairness-policy")
ORDERINGS = ("fcfs-ordering-policy", "edf-ordering-policy", "slo-deadline-ordering-policy")

FLOW_PLUGINS: Mapping[str, type[Any]] = {
    UTILIZATION: UtilizationDetectorParameters,
    CONCURRENCY: ConcurrencyDetectorParameters,
    USAGE_LIMIT: UsageLimitParameters,
    **dict.fromkeys((*FAIRNESS, *ORDERINGS), FlowParameters),
}


def _no_headroom(headroom: float) -> None:
    if headroom:
        raise ValueError("headroom is not implemented: leave it at 0")
