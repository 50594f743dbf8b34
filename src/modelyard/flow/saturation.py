"""How full a pool is: 0 idle, 1 and above full."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from modelyard.fleet.endpoints import EndpointState
from modelyard.fleet.fleet import BackendFleet
from modelyard.flow.config import DetectorConfig, FlowConfig


class Saturation:
    """The configured detector over one pool. What depends on the fleet alone is computed once per fleet version."""

    def __init__(self, config: FlowConfig) -> None:
        self._detector = config.detector
        self._fleet: BackendFleet | None = None
        self._valid_until = -inf
        self._utilization = 0.0
        self._ready = 0

    def value(self, fleet: BackendFleet, in_flight: Mapping[str, int], now: float) -> float:
        """Saturation of ``fleet``; ``in_flight`` is this worker's own open requests by address.

        A pool without a ready endpoint is full.
        """
        if fleet is not self._fleet or now > self._valid_until:
            self._read(fleet, now)
        if not self._ready:
            return 1.0
        if self._detector.type == "concurrency-detector":
            return sum(in_flight.values()) / (self._ready * self._detector.max_concurrency)
        return self._utilization

    def _read(self, fleet: BackendFleet, now: float) -> None:
        detector = self._detector
        ready = [state for state in fleet.endpoints if state.ready]
        self._fleet = fleet
        self._ready = len(ready)
        self._utilization = utilization(ready, detector, now)
        times = [state.load.valid_until(detector.stale_after) for state in ready if state.load is not None]
        self._valid_until = min((time for time in times if time > now), default=inf)


def utilization(ready: list[EndpointState], detector: DetectorConfig, now: float) -> float:
    """Mean over endpoints of max(waiting / threshold, KV use / threshold).

    A stale reading counts as 1: an engine that no longer says how it is gets no benefit of the doubt. An engine that
    has never said anything is left out, or a pool of engines without metrics would always be full.
    """
    values = [_one(state, detector, now) for state in ready if state.load is not None]
    return sum(values) / len(values) if values else 0.0


def _one(state: EndpointState, detector: DetectorConfig, now: float) -> float:
    load = state.load
    if load is None or now > load.valid_until(detector.stale_after):
        return 1.0
    return max(load.waiting / detector.queue_depth_threshold, load.kv_usage / detector.kv_cache_util_threshold)
