"""Settings of flow control, checked."""

from __future__ import annotations

import msgspec


class BandConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Queue limits and policies of one priority."""

    priority: int = 0
    max_requests: int = 5000
    """Requests that may wait in this band; more are refused with 429."""
    max_bytes: int = 1_000_000_000
    """Bytes of request bodies that may wait in this band."""
    fairness: str = "global-strict-fairness-policy"
    """How turns go round between fairness ids: ``round-robin-fairness-policy``, or one global order."""
    ordering: str = "fcfs-ordering-policy"
    """Order of requests with the same fairness id: ``fcfs-ordering-policy`` or ``edf-ordering-policy``."""


class DetectorConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How saturation is measured."""

    type: str = "utilization-detector"
    """``utilization-detector`` or ``concurrency-detector``."""
    queue_depth_threshold: int = 5
    """Waiting requests of one engine that count as full."""
    kv_cache_util_threshold: float = 0.8
    """Share of an engine's KV cache that counts as full."""
    max_concurrency: int = 100
    """Own open requests per endpoint that count as full (concurrency-detector)."""
    metrics_staleness: float = 2.0
    """Seconds after which a reading says nothing more."""


class FlowConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that admission reads."""

    enabled: bool = False
    """The ``flowControl`` feature gate: queues and priority bands. Off: only priority < 0 is refused, at saturation 1."""
    max_requests: int | None = None
    """Requests that may wait in all bands together; None: no common limit."""
    max_bytes: int | None = None
    default_ttl: float | None = 60.0
    """Seconds that a request may wait; None: for ever."""
    no_endpoint_ttl: float | None = 60.0
    """The same while the pool has no ready endpoint."""
    default_band: BandConfig = BandConfig()
    """Template of bands for priorities that name none."""
    default_negative_band: BandConfig | None = None
    """The same for priorities below 0; None: ``default_band``."""
    bands: tuple[BandConfig, ...] = ()
    usage_limit: float = 1.0
    """Saturation at which no band dispatches (static-usage-limit-policy)."""
    detector: DetectorConfig = DetectorConfig()
