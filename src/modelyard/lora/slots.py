"""More adapters than an engine has slots: which ones it gets. Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence, Set

import msgspec


class SlotPolicy(enum.Enum):
    """What happens with more adapters than ``--max-cpu-loras`` (annotation ``modelyard.dev/lora-slots``)."""

    SWAP = "swap"
    """All are loaded; the engine itself keeps the most recently used ones in memory and reads the others from their
    files when they are asked for. What vLLM does with the original syncer; slower, never wrong."""
    EVICT = "evict"
    """The least recently used ones are unloaded; they come back when they are asked for."""
    STRICT = "strict"
    """Those that do not fit are not loaded, and say so."""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """Which adapters one engine gets."""

    names: tuple[str, ...]
    """In the order of the wish."""
    left_out: tuple[str, ...] = ()


def choose(
    wanted: Sequence[str],
    slots: int | None,
    policy: SlotPolicy,
    *,
    held: Set[str] = frozenset(),
    last_used: Mapping[str, float] | None = None,
) -> Chosen:
    """Chooses among ``wanted`` (in order of the file). ``held``: those that are loaded now. ``last_used``: when each
    was last asked for, or first wanted (any one clock); what is missing was never.

    STRICT keeps what is loaded and fills up in order. EVICT takes the most recently used, those that are loaded
    before those that are not, then in order.
    """
    if slots is None or len(wanted) <= slots or policy is SlotPolicy.SWAP:
        return Chosen(names=tuple(wanted))
    used = last_used or {}
    place = {name: index for index, name in enumerate(wanted)}
    by_use = policy is SlotPolicy.EVICT

    def rank(name: str) -> tuple[float, bool, int]:
        return (-used.get(name, 0.0) if by_use else 0.0, name not in held, place[name])

    taken = set(sorted(wanted, key=rank)[: max(slots, 0)])
    return Chosen(
        names=tuple(name for name in wanted if name in taken),
        left_out=tuple(name for name in wanted if name not in taken),
    )
