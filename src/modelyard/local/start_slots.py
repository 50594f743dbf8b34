"""Limits how many engines load at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

LONGEST_TURN_SECONDS = 300.0
"""An engine that loads for longer keeps nobody else waiting."""


class Turn:
    """The right to load; given back by ``over``, or when the context ends, or when it has lasted too long."""

    def __init__(self, give_back: Callable[[], None]) -> None:
        self._give_back: Callable[[], None] | None = give_back

    def over(self) -> None:
        """The engine is ready."""
        if self._give_back is not None:
            give_back, self._give_back = self._give_back, None
            give_back()


class StartSlots:
    """Loading is mostly Python importing torch, with waits in between: three engines that load at the same
    time on two cores take 38 s together, one alone 28 s. So twice the cores may load; more would only cost
    memory."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._free = asyncio.Semaphore(count)

    @asynccontextmanager
    async def turn(self, say: Callable[[str], None]) -> AsyncIterator[Turn]:
        """Wait for a turn; ``say`` is told that it waits."""
        if self._free.locked():
            say(f"its turn to load ({self._count} engines load at a time)")
        await self._free.acquire()
        turn = Turn(self._free.release)
        timer = asyncio.get_running_loop().call_later(LONGEST_TURN_SECONDS, turn.over)
        try:
            yield turn
        finally:
            timer.cancel()
            turn.over()
