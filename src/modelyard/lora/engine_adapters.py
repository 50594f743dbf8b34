"""What the reconciler asks of an engine, whichever it is."""

from __future__ import annotations

from typing import Protocol

from modelyard.lora.plan import Listing


class AdapterCallError(Exception):
    """A call failed; the message is for people."""

    def __init__(self, message: str, *, unreachable: bool = False) -> None:
        """``unreachable``: the engine did not answer; otherwise it said no."""
        super().__init__(message)
        self.unreachable = unreachable


class EngineAdapters(Protocol):
    """One engine's adapters. Every call has a bound, and raises AdapterCallError."""

    async def listing(self) -> Listing:
        """What it serves."""
        ...

    async def load(self, engine_name: str, path: str) -> None:
        """Load an adapter; one that is there already counts as loaded."""
        ...

    async def unload(self, engine_name: str) -> None:
        """Unload an adapter; one that is not there counts as unloaded. Requests that run with it go on."""
        ...
