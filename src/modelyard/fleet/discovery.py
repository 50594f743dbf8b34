"""Which endpoints every backend has: InferencePools and Services against Pods, replicas, EndpointSlices, URLs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from modelyard.fleet.backends import BackendSpec
from modelyard.fleet.fleet import BackendKey

if TYPE_CHECKING:
    from modelyard.resources.resource_set import ResourceSet


class PodEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What a Pod and a local replica have in common: an address, labels, named ports, readiness."""

    name: str
    namespace: str = "default"
    ip: str
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    ready: bool = True
    reason: str = ""
    """Why it is not ready, for people."""
    ports: Mapping[str, int] = {}
    """Container ports by name, for named target ports."""
    port_map: Mapping[int, int] = {}
    """Container port to the port that it really has on ``ip``, where the two differ (systems with one loopback
    address only)."""


class UrlEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A server given by URL; all of one ``backend`` are its endpoints."""

    backend: BackendKey
    address: str
    """``ip:port``."""


def backends_of(
    resources: ResourceSet, local: Sequence[PodEndpoint] = (), urls: Sequence[UrlEndpoint] = ()
) -> Mapping[BackendKey, BackendSpec]:
    """Every InferencePool and every port of every Service, with its endpoints and how each is checked."""
    raise NotImplementedError
