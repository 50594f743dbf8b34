"""Endpoints (one ip:port each) and what is known of their load: immutable values."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model server address of a pool or Service. Identity is ``address``."""

    address: str
    """``ip:port`` (IPv6 as ``[ip]:port``), as used on the wire and in ``x-gateway-destination-endpoint``."""
    name: str = ""
    """Pod or replica name; the address where there is none."""
    namespace: str = "default"
    labels: Mapping[str, str] = {}
    engine: str = ""
    """Engine name (a module of ``fleet.engines``); empty until recognised."""
    metrics_url: str = ""
    """Where the load is read, for example ``http://10.0.0.1:8000/metrics``; empty: the engine's default."""

    @property
    def host(self) -> str:
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])


class ModelLoad(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model's part of an endpoint's load."""

    waiting: int = 0
    running: int = 0
    kv_usage: float = 0.0


class EngineLoad(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One reading of an engine's metrics."""

    at: float
    """When it was read: seconds, CLOCK_MONOTONIC of this machine."""
    waiting: int = 0
    running: int = 0
    kv_usage: float = 0.0
    """Share of the KV cache in use, 0 to 1."""
    block_size: int = 0
    """Tokens per KV block; 0 unknown."""
    num_blocks: int = 0
    max_loras: int = 0
    """Adapter slots; 0 unknown or no LoRA."""
    running_loras: frozenset[str] = frozenset()
    waiting_loras: frozenset[str] = frozenset()
    delay: float = 0.0
    """Seconds that may pass until what happens shows in the metrics: engines behind an exporter lag."""
    by_model: Mapping[str, ModelLoad] = {}
    """Where one endpoint stands for engines of several models: the load of each, by base model. Empty: the load is that
    of the only model."""

    def valid_until(self, stale_after: float) -> float:
        """When the reading says nothing more: after ``stale_after`` seconds, or the engine's usual delay."""
        return self.at + max(stale_after, self.delay)

    def of_model(self, name: str) -> EngineLoad:
        """The load as a request for this base model meets it. A model without series has had no request."""
        if not self.by_model:
            return self
        part = self.by_model.get(name, _IDLE)
        return msgspec.structs.replace(self, waiting=part.waiting, running=part.running, kv_usage=part.kv_usage)


_IDLE = ModelLoad()


class ServedModel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of an engine's ``/v1/models``."""

    id: str
    parent: str | None = None
    """Base model of an adapter; None for a base model."""
    max_model_len: int | None = None


class EndpointState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the control process last learned of an endpoint."""

    endpoint: Endpoint
    ready: bool = True
    """Passed its health checks (active and passive) and its Pod or replica is ready."""
    reason: str = ""
    """Why it is not ready, for people."""
    load: EngineLoad | None = None
    """None: the engine exports no metrics, or none was read yet."""
    models: tuple[ServedModel, ...] | None = None
    """What it serves; None: not known."""
    metrics_error: str = ""
    """Why the load could not be read lately, for people; ``load`` is then the last one that could."""
    adapter_names: Mapping[str, str] = {}
    """Name of an adapter for clients -> its name in this engine, for adapters that are managed here. It counts instead
    of the listed models: an adapter whose engine-side name is not listed is still to be loaded. An empty engine-side
    name: not to be used any more, listed or not."""
    expected: frozenset[str] = frozenset()
    """Adapters, by their names for clients, that will be loaded here soon: requests for them wait."""
