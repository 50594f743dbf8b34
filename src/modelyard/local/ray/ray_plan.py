"""What a RayService means on this machine: plain values, written by ``planning`` and carried out by ``service``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from modelyard.local.ray.cluster_hash import ClusterHash
from modelyard.local.replica_plan import AppliedSetting, PortMapping, Skipped

ENGINE_NAME = "ray-serve"
"""The engine name that scraping reads (a module of ``fleet.engines``)."""
SERVE_PORT = 8000
"""Where a RayService is reached, whatever its ``http_options`` say; the port of its Service."""


class RayClusterPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster. Two equal plans need no new cluster."""

    name: str
    """``<service>-<hash of the cluster's spec>``."""
    namespace: str
    address: str
    """Loopback address of Serve's proxy and of the dashboard."""
    ports: tuple[PortMapping, ...]
    """Serve's port first."""
    python: str
    flags: tuple[str, ...]
    """Arguments of ``ray start`` that do not depend on ports found at the start."""
    env: Mapping[str, str]
    secret_env: frozenset[str] = frozenset()
    directory: str
    """The cluster's own directory."""
    grace: float = 30.0

    @property
    def key(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


class RayServicePlan(msgspec.Struct, frozen=True, kw_only=True):
    """One RayService, or why it cannot run here."""

    name: str
    namespace: str
    cluster: RayClusterPlan | None = None
    spec_hash: ClusterHash = ClusterHash()
    """Of the part of the cluster's spec whose change asks for a new cluster."""
    upgrade: Literal["NewCluster", "NewClusterWithIncrementalUpgrade", "None"] = "NewCluster"
    labels: Mapping[str, str] = {}
    serve_config: Mapping[str, Any] = {}
    """What is put to Serve: ``serveConfigV2`` after the adjustments."""
    sources: Mapping[str, str] = {}
    """Model sources that must be on this machine first: source text -> folder."""
    working_dirs: Mapping[str, str] = {}
    """Local folders that applications name as ``working_dir``, as written -> absolute."""
    initializing_seconds: float = 0.0
    """Annotation ``ray.io/initializing-timeout``; 0: none."""
    deletion_delay: float = 60.0
    suspended: bool = False
    settings: tuple[AppliedSetting, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    problem: str = ""

    @property
    def key(self) -> str:
        """``namespace/name`` of the RayService."""
        return f"{self.namespace}/{self.name}"
