"""What is said of one adapter on one replica."""

from __future__ import annotations

import enum

import msgspec


class Reason(enum.StrEnum):
    """Reasons of the condition ``Loaded``, as Kubernetes writes them."""

    LOADED = "Loaded"
    """True: the wanted version is there."""
    SWAPPING = "Swapping"
    """True: it is there, but the engine keeps fewer adapters in memory than it has."""
    REPLACING = "Replacing"
    """False: the version before serves while this one is loaded."""
    FETCHING = "Fetching"
    LOADING = "Loading"
    REPLICA_NOT_READY = "ReplicaNotReady"
    NO_REPLICA = "NoReplica"
    """False: nothing runs that it could be loaded on."""
    SOURCE_UNAVAILABLE = "SourceUnavailable"
    INVALID_ADAPTER = "InvalidAdapter"
    LORA_NOT_ENABLED = "LoRANotEnabled"
    UNSUPPORTED = "Unsupported"
    RANK_TOO_HIGH = "RankTooHigh"
    BASE_MODEL_MISMATCH = "BaseModelMismatch"
    NAME_TAKEN = "NameTaken"
    NO_FREE_SLOT = "NoFreeSlot"
    EVICTED = "Evicted"
    ENGINE_REFUSED = "EngineRefused"
    ENGINE_UNREACHABLE = "EngineUnreachable"
    UNLOADING = "Unloading"
    """False: nobody wants it any more; its requests end."""


class AdapterStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The condition ``Loaded`` of one adapter on one replica."""

    adapter: str
    replica: str
    """``namespace/name``."""
    loaded: bool
    """The wanted version can be used there."""
    reason: Reason
    message: str = ""
    source: str = ""
    digest: str = ""
    """sha256 of its files, hex; empty: not known yet."""
    engine_name: str = ""
    """What the engine calls the version that requests go to; empty: to none."""
    since: float = 0.0
    """When ``loaded`` or ``reason`` last changed: seconds, Unix time."""
    origin: str = ""
