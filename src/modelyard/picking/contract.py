"""What a pick is asked and what it answers. The contracts of policies are in ``policy``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from modelyard.fleet.endpoints import Endpoint


class PickRequest(msgspec.Struct, eq=False):
    """One request, as far as picking reads it. Mutable only for speed of construction; never changed after."""

    target_model: str
    """Name that the engine will be asked for: base model or adapter; empty where the API names none."""
    base_model: str = ""
    """Base of ``target_model`` when that is an adapter, else the same name."""
    prompt: bytes = b""
    """Raw prompt bytes for prefix matching; empty: no prefix."""
    prompt_tokens: int = 0
    headers: Mapping[str, str] | None = None
    """Request headers by lower-case name (session affinity and header policies read them)."""
    priority: int = 0


@dataclass(slots=True, frozen=True)
class PolicyScore:
    """One policy's verdict on one candidate, for people."""

    policy: str
    weight: float
    score: float
    """0 to 1, 1 best."""


@dataclass(slots=True, frozen=True)
class CandidateWhy:
    """Why one candidate was kept or dropped, and what each policy gave it."""

    endpoint: Endpoint
    scores: tuple[PolicyScore, ...] = ()
    total: float = 0.0
    dropped_by: str = ""
    """Filter that removed it, with its reason; empty: it was a candidate to the end."""


@dataclass(slots=True, frozen=True)
class Why:
    """The whole decision, for ``modelyard explain``; built only when asked for."""

    profile: str
    picker: str
    candidates: tuple[CandidateWhy, ...]


class Decision(msgspec.Struct, frozen=True):
    """Where a request goes."""

    targets: Sequence[Endpoint]
    """Primary first, then fallbacks in order. Never empty. Fallbacks are picked when they are first looked at."""
    why: Why | None = None


class NoEndpoint(Exception):
    """Nothing to pick: becomes 503. ``reason`` says which step left nothing."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
