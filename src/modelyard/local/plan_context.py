"""What plans depend on besides the manifests."""

from __future__ import annotations

import msgspec

from modelyard.local.replica_plan import EngineProgram, Machine


class PlanContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan depends on besides the manifests."""

    home: str
    """Root of the yard's home; also what tells the addresses of two yards apart."""
    machine: Machine
    engine: EngineProgram
    engine_problem: str = ""
    """Why no replica can be started, and what to do; empty: the engine is there."""
    environment: frozenset[str] = frozenset()
    """Names of this machine's own environment variables; they stand in for Secrets that no manifest has."""
