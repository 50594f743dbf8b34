"""How full a pool is: 0 idle, 1 and above full."""

from __future__ import annotations

from collections.abc import Mapping

from modelyard.fleet.fleet import BackendFleet
from modelyard.flow.config import FlowConfig


class Saturation:
    """The configured detector over one pool."""

    def __init__(self, config: FlowConfig) -> None:
        self._config = config.detector

    def value(self, fleet: BackendFleet, in_flight: Mapping[str, int], now: float) -> float:
        """Saturation of ``fleet``; ``in_flight`` is this worker's own open requests by address."""
        raise NotImplementedError
