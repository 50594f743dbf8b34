"""The values that the shell of this package passes around."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec

from modelyard.lora.adapter_config import AdapterFacts, BaseShape
from modelyard.lora.engine_limits import EngineLimits
from modelyard.lora.lora_config import Wanted
from modelyard.lora.slots import SlotPolicy


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """What ``Fetch`` gives back."""

    path: str
    """A folder of this machine."""
    revision: str = ""
    mutable: bool = False
    """Somebody may edit it in place (a path as source)."""


class FetchError(Exception):
    """A source could not be had; the message says why and what to do next, for people."""


Fetch = Callable[[str, Callable[[str], None]], Awaitable[Fetched]]
"""``fetch(source, say)``: the adapter's files; ``say`` hears of the progress. Raises FetchError."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter whose files were checked, in a folder named after their digest."""

    path: str
    digest: str
    facts: AdapterFacts | None
    """None: the files are where only the engine can read them; nothing was checked."""
    size: int = 0
    revision: str = ""
    fetched_path: str = ""
    """Where it was copied from, if nobody edits that; empty: it may have changed."""


class SourceState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one source now."""

    stored: Stored | None = None
    """The newest good version; it stays when a later fetch fails."""
    problem: str = ""
    """Why the newest is not there."""
    invalid: bool = False
    """The files were had, and are no usable adapter."""
    progress: str = ""


class RayModel(msgspec.Struct, frozen=True, kw_only=True):
    """One model of an application of Ray Serve LLM."""

    model_id: str
    prefix: str
    """Where it looks for adapters in the loopback bucket; empty: nowhere."""


class ReplicaView(msgspec.Struct, frozen=True, kw_only=True):
    """One replica, as the reconciler needs it."""

    key: str
    """``namespace/name``."""
    url: str
    """``http://ip:port``."""
    incarnation: str = ""
    """Changes when its process does: a new process has lost its adapters."""
    up: bool = True
    """Its process runs; whether the engine answers is seen by asking it, long before slow readiness probes do."""
    engine: str = "vllm"
    """``vllm``, ``simulator`` or ``ray-serve``."""
    ray: RayModel | None = None
    """The model whose adapters these are, where the engine is Ray Serve LLM."""
    limits: EngineLimits = EngineLimits()
    policy: SlotPolicy = SlotPolicy.SWAP
    want: tuple[Wanted, ...] = ()
    absent: frozenset[str] = frozenset()
    base: BaseShape = BaseShape()
    api_key: str = ""

    def __repr__(self) -> str:
        return f"ReplicaView({self.key} at {self.url})"


class Routes(Protocol):
    """Where the reconciler tells what may be asked of a replica."""

    def __call__(self, view: ReplicaView, names: Mapping[str, str], expected: frozenset[str]) -> bool:
        """``names``: client-facing -> engine-side (empty: not to be used any more); ``expected``: will be loaded soon.
        False: nobody took note (the replica is not watched yet); it is said again soon."""
        ...


class Known(Protocol):
    """When what was told of the replicas has reached everyone who sends requests."""

    async def __call__(self) -> None:
        """Wait for that, for as long as it is worth waiting."""
        ...


class Usage(Protocol):
    """What is known of the requests of a replica's adapters."""

    def __call__(self, view: ReplicaView) -> tuple[frozenset[str], frozenset[str]]:
        """(engine names with requests running or waiting in the engine, client-facing names that requests wait for)."""
        ...
