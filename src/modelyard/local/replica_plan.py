"""What a Deployment means on this machine: plain values, written by ``plan`` and carried out by
``replica``."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Literal

import msgspec

from modelyard.local.pre_stop import PreStop
from modelyard.local.probes import Probe
from modelyard.local.rolling import NO_REPLICAS, RolloutRules


class EngineMode(enum.Enum):
    """Which program stands behind a vLLM container (``--engine``)."""

    AUTO = "auto"
    """The vLLM of this machine; an error that says how to install one where there is none."""
    VLLM = "vllm"
    """As AUTO today; kept apart so that AUTO may learn other engines."""
    SIM = "sim"
    """The simulator: same names, ports and adapters, no model."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of this machine that a plan depends on."""

    has_gpu: bool
    cores: int
    memory_bytes: int
    node_name: str
    loopback_range: bool
    """Every address of 127.0.0.0/8 can be bound without asking (Linux). False: only 127.0.0.1 (macOS)."""


class EngineProgram(msgspec.Struct, frozen=True, kw_only=True):
    """What is executed for a vLLM container."""

    kind: Literal["vllm", "simulator"]
    """The engine name that scraping reads (a module of ``fleet.engines``)."""
    command: tuple[str, ...]
    """What stands before the server's arguments."""


class AppliedSetting(msgspec.Struct, frozen=True, kw_only=True):
    """One difference between what the manifest says and what runs here, for people."""

    setting: str
    """The flag, variable or field, for example ``--dtype`` or ``lifecycle.preStop``."""
    change: str
    """What was done, for example ``added =bfloat16`` or ``dropped (was 0.85)``."""
    reason: str


class Skipped(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A part of a manifest that has no meaning on this machine."""

    namespace: str
    deployment: str
    name: str
    """Container name; empty when the whole Deployment is skipped."""
    reason: str


class LocalFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file made from a ConfigMap or a Secret, relative to the replica's directory."""

    path: str
    content: bytes
    mode: int = 0o644


HUB_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
"""Variables that hold the hub's token."""


class NeededWeights(msgspec.Struct, frozen=True, kw_only=True):
    """Files that must be here before a replica starts."""

    name: str
    """What the manifest calls them: a hub id, a path."""
    source: str
    """Where they are taken from (``resources.weights_source``); a path is used where it is."""
    adapter: bool = False
    """A LoRA adapter, which is smaller and checked more strictly."""
    prefetch: bool = False
    """Read them ahead into memory before the start."""


class PortMapping(msgspec.Struct, frozen=True, kw_only=True):
    """Where a container port is found here. Both numbers are equal where every replica has its own
    address."""

    container: int
    local: int
    name: str = ""


class ReplicaPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One replica, ready to be started. Two equal plans need no restart."""

    name: str
    """``<deployment>-<ordinal>``; stable, unlike a Pod's random suffix, so that logs and addresses stay
    findable."""
    namespace: str
    deployment: str
    container: str
    labels: Mapping[str, str]
    engine: str
    """``vllm`` or ``simulator``: the engine name that scraping reads (a module of ``fleet.engines``)."""
    address: str
    """IP address of this replica."""
    ports: tuple[PortMapping, ...]
    """The serving port first."""
    argv: tuple[str, ...]
    env: Mapping[str, str]
    """What is added to the environment of the control process."""
    secret_env: frozenset[str] = frozenset()
    """Names in ``env`` whose value came from a Secret and is never shown."""
    directory: str
    """The replica's own directory: its files, its emptyDir volumes, its working directory."""
    temporary: str = ""
    """Folder for its temporary files, empty at each start of its process and gone at its end; "": none."""
    files: tuple[LocalFile, ...] = ()
    directories: tuple[str, ...] = ()
    """Directories to make before the start (emptyDir, claims), absolute."""
    weights: tuple[NeededWeights, ...] = ()
    paths: Mapping[str, str] = {}
    """Path in the container -> where it is on this machine, for paths that come up later (sources of adapters)."""
    origins: Mapping[str, str] = {}
    """Path in the container -> source of what is mounted there, for the same."""
    startup: Probe | None = None
    readiness: Probe | None = None
    liveness: Probe | None = None
    grace: float = 30.0
    """Seconds between SIGTERM and SIGKILL (``terminationGracePeriodSeconds``)."""
    pre_stop: PreStop | None = None
    """Run when it has left rotation, before SIGTERM."""
    service_links: Mapping[str, str] = {}
    """Variables that lead to the Services of its namespace; ``env`` wins."""
    restarted_at: str = ""
    """When it was last asked to be replaced although nothing else changed."""
    settings: tuple[AppliedSetting, ...] = ()
    """Every difference from the manifest, in order."""

    @property
    def ordinal(self) -> int:
        """The number in its name."""
        return int(self.name.rpartition("-")[2])

    @property
    def key(self) -> str:
        """``namespace/name``: unique in one yard."""
        return f"{self.namespace}/{self.name}"


class DeploymentPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One Deployment: its replicas, or why it has none here."""

    namespace: str
    name: str
    replicas: tuple[ReplicaPlan, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    problem: str = ""
    """Why it cannot run here although it should (a Secret is missing, no vLLM is installed); empty: it
    can."""
    models: tuple[str, ...] = ()
    """The names of models and adapters in its containers: what ``--source`` can be given for."""
    spares: tuple[ReplicaPlan, ...] = ()
    """Plans for further numbers: of extra replicas during an update, and of those that run under such a number."""
    rollout: RolloutRules = NO_REPLICAS
    revision: int = 0
    """Number of the Pod template that is in force (``revisions``); 0: not known."""
    pinned_to: int = 0
    """``revision``, where ``rollout undo`` has chosen it against the manifest; else 0."""
