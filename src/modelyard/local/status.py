"""What a runner tells about its replicas: values for the control process, ``ps`` and the state file."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec

from modelyard.local.replica_plan import AppliedSetting, PortMapping


class Phase(enum.Enum):
    """Where a replica is in its life."""

    PENDING = "Pending"
    """Waits: for its turn to start, for its volumes, for a Secret."""
    STARTING = "Starting"
    """Its process runs; it was not ready yet."""
    RUNNING = "Running"
    """It was ready since its process started; ``ready`` says whether it still is."""
    BACKOFF = "BackOff"
    """Its process ended; it will be started again after a pause."""
    STOPPING = "Stopping"
    STOPPED = "Stopped"


class ReplicaStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One replica at one moment."""

    name: str
    namespace: str
    deployment: str
    labels: Mapping[str, str]
    engine: str
    address: str
    ports: tuple[PortMapping, ...]
    phase: Phase
    ready: bool
    since: float
    """When ``phase`` or ``ready`` last changed: seconds, Unix time (for people, hence not the monotonic
    clock)."""
    message: str
    """What it waits for, or what happened to it; for people."""
    restarts: int = 0
    last_exit: int | None = None
    """Exit code of its last process, 128 + n for signal n; None: none has ended yet."""
    pid: int | None = None
    """The engine's process."""
    log_path: str = ""
    settings: tuple[AppliedSetting, ...] = ()

    @property
    def key(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


class LocalPod(msgspec.Struct, frozen=True, kw_only=True):
    """A replica seen as Kubernetes would show its Pod: what selectors and pools need."""

    name: str
    namespace: str
    labels: Mapping[str, str]
    ip: str
    ports: Mapping[int, int] = {}
    """Container port to local port; equal numbers except where the system has only 127.0.0.1. A port that
    is not listed is used as it is."""
    ready: bool
    reason: str = ""
    """Why it is not ready."""
    engine: str = ""
    metrics_url: str = ""
    """Where its load is read; empty: at the engine's usual place."""
