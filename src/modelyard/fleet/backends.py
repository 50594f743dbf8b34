"""Which endpoints a backend has, before anything was asked of them: the scraper's orders."""

from __future__ import annotations

import msgspec

from modelyard.fleet.endpoints import Endpoint
from modelyard.fleet.fleet import BackendKey
from modelyard.fleet.health import HealthCheck


class EndpointSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint to watch."""

    endpoint: Endpoint
    ready: bool = True
    """Its Pod, EndpointSlice entry or replica says that it is ready. Not ready: never picked."""
    reason: str = ""
    """Why it is not ready, for people."""
    health: HealthCheck | None = None
    """How to check it; None: the default of its engine, or a TCP connection where the engine is unknown."""
    from_service: bool = False
    """Reached as an endpoint of a Service. Kubernetes sends a Service's traffic to whatever it calls ready, so the
    first check is not waited for unless someone asked for a certain one (``health``). A pool's endpoints wait: how
    their requests are handled depends on the engine."""


class BackendSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One backend's endpoints, in a stable order and without duplicates."""

    key: BackendKey
    endpoints: tuple[EndpointSpec, ...] = ()
