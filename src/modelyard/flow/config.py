"""Settings of flow control, checked."""

from __future__ import annotations

from typing import Literal

import msgspec

Fairness = Literal["global-strict-fairness-policy", "round-robin-fairness-policy"]
Ordering = Literal["fcfs-ordering-policy", "edf-ordering-policy", "slo-deadline-ordering-policy"]

STALE_AFTER = 2.0
"""Seconds after which a reading says nothing more; the same rule as in picking."""


class BandConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Queue limits and policies of one priority."""

    priority: int = 0
    max_requests: int = 5000
    """Requests that may wait in this band; more are refused with 429."""
    max_bytes: int = 1_000_000_000
    """Bytes of request bodies that may wait in this band."""
    fairness: Fairness = "global-strict-fairness-policy"
    """Whose turn it is: one order for all, or each fairness id in turn."""
    ordering: Ordering = "fcfs-ordering-policy"
    """Order within one turn: by arrival, by time to live left, or by the deadline that the request brought."""


class DetectorConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How saturation is measured."""

    type: Literal["utilization-detector", "concurrency-detector"] = "utilization-detector"
    queue_depth_threshold: int = 5
    """Waiting requests of one engine that count as full."""
    kv_cache_util_threshold: float = 0.8
    """Share of an engine's KV cache that counts as full."""
    max_concurrency: int = 100
    """Own open requests per endpoint that count as full (concurrency-detector)."""
    stale_after: float = STALE_AFTER
    """Seconds after which a reading says nothing more and its endpoint counts as full."""


class FlowConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that admission reads."""

    enabled: bool = False
    """The ``flowControl`` feature gate: queues and bands. Off: only priority < 0 is refused, at saturation 1."""
    max_requests: int | None = None
    """Requests that may wait in all bands together; None: no common limit."""
    max_bytes: int | None = None
    """Bytes of bodies that may wait in all bands together; None: no common limit."""
    default_ttl: float | None = 60.0
    """Seconds that a request may wait; None: for ever."""
    no_endpoint_ttl: float | None = 60.0
    """The same while the pool has no ready endpoint."""
    default_band: BandConfig = BandConfig()
    """Template of bands for priorities that none is configured for."""
    default_negative_band: BandConfig | None = None
    """The same for priorities below 0; None: ``default_band``."""
    bands: tuple[BandConfig, ...] = ()
    usage_limit: float = 1.0
    """Saturation from which nothing is dispatched (static-usage-limit-policy)."""
    detector: DetectorConfig = DetectorConfig()

    def band(self, priority: int) -> BandConfig:
        """The settings of one priority."""
        for band in self.bands:
            if band.priority == priority:
                return band
        template = self.default_band
        if priority < 0 and self.default_negative_band is not None:
            template = self.default_negative_band
        return msgspec.structs.replace(template, priority=priority)
