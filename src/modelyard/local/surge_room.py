"""Whether extra replicas fit into this machine's memory while old ones still serve."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from modelyard.local.memory import available_bytes, family_bytes

MARGIN = 1.1
"""An engine that loads takes a little more than one that runs."""
KEPT_FREE = 256 * 1024 * 1024
"""Bytes left to everything else."""
_GIB = 1024**3


class SurgeRoom:
    """Grants room, and remembers it until it is given back, so that two Deployments do not get the same."""

    def __init__(
        self,
        *,
        gpu: bool,
        available: Callable[[], int | None] = available_bytes,
        size_of: Callable[[int], int | None] = family_bytes,
    ) -> None:
        """``gpu``: engines hold the memory of GPUs, of which nothing is known here."""
        self._gpu, self._available, self._size_of = gpu, available, size_of
        self._granted: dict[str, int] = {}
        self._turn = asyncio.Lock()

    async def ask(self, name: str, extra: int, pids: Iterable[int]) -> tuple[int, str]:
        """How many of ``extra`` replicas like those of ``pids`` fit, and where not all do, why."""
        if self._gpu:
            return 0, "whether the GPUs have memory for an extra replica is not known"
        async with self._turn:
            self._granted.pop(name, None)
            sizes = [await asyncio.to_thread(self._size_of, pid) for pid in pids]
            size = int(max((one for one in sizes if one), default=0) * MARGIN)
            free = await asyncio.to_thread(self._available)
            if not size or free is None:
                return 0, "how much memory an extra replica needs is not known"
            free = max(0, free - KEPT_FREE - sum(self._granted.values()))
            fitting = min(extra, free // size)
            self._granted[name] = fitting * size
        if fitting == extra:
            return fitting, ""
        return fitting, (
            f"an extra replica needs {size / _GIB:.1f} GiB and {free / _GIB:.1f} GiB are left: {fitting} of {extra} fit"
        )

    def give_back(self, name: str) -> None:
        """The extra replicas run, or are not needed any more."""
        self._granted.pop(name, None)
