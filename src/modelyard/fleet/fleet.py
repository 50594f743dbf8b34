"""The fleet: every endpoint of every backend, as one immutable value."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from modelyard.fleet.endpoints import EndpointState


class BackendKey(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Names a set of endpoints: an InferencePool, or one port of a Service."""

    kind: str
    """``InferencePool`` or ``Service``."""
    namespace: str
    name: str
    port: int = 0
    """Service port number; 0 for an InferencePool."""

    def __str__(self) -> str:
        port = f":{self.port}" if self.port else ""
        return f"{self.kind}/{self.namespace}/{self.name}{port}"


class BackendFleet(msgspec.Struct, frozen=True, kw_only=True):
    """The endpoints of one backend in a stable order, at one moment."""

    key: BackendKey
    endpoints: tuple[EndpointState, ...] = ()
    version: int = 0
    """Grows with every change of any endpoint's state; caches of scores are keyed by it."""


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """All backends."""

    backends: Mapping[BackendKey, BackendFleet] = {}
    version: int = 0
