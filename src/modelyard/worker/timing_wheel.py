"""One coarse timer for every deadline of a worker.

A connection moves its deadline several times per request, and almost none of them is ever reached. So moving one
is an assignment: an entry stays in the slot where it is until that slot is due, and is only then put where it
belongs.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol

TICKS_PER_SECOND = 10
HORIZON = 5 * TICKS_PER_SECOND
"""Ticks that an entry is put ahead at most: what has ended is not kept alive for its whole timeout, and a deadline
that is further away than this can be given to an entry by assignment."""

LATE = 3
"""Ticks missed from which this process, not its peers, is taken to have stood still (a busy machine, a stopped
process): deadlines then wait until what arrived in the meantime has been read, or it would be blamed on endpoints."""
LATE_TURNS = 2
"""Turns of the timer for which they wait."""

FAR = 1e18
"""A deadline that never comes; the entry stays on the wheel."""
OFF = float("inf")
"""A deadline that takes the entry off the wheel when it is next looked at."""

log = logging.getLogger(__name__)


class Timed(Protocol):
    """Something with one deadline. ``tick`` is the wheel's.

    Once ``set``, ``due`` may be assigned where the new deadline is later than the old one or more than
    ``HORIZON`` away.
    """

    due: float
    tick: int

    def on_due(self, now: float) -> None: ...


class TimingWheel:
    """Calls ``on_due`` of entries within about a tick (100 ms) after their deadline."""

    __slots__ = ("_every_second", "_every_tick", "_handle", "_late_turns", "_loop", "_slots", "_tick", "now")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._slots: dict[int, list[Timed]] = {}
        self.now = time.monotonic()
        """Monotonic time of the last tick, for uses that need no better than a tick."""
        self._tick = int(self.now * TICKS_PER_SECOND)
        self._handle: asyncio.TimerHandle | None = None
        self._late_turns = 0
        self._every_second: list[Callable[[float], None]] = []
        self._every_tick: list[Callable[[float], None]] = []

    def set(self, timed: Timed, due: float) -> None:
        """Give ``timed`` a deadline (monotonic seconds)."""
        timed.due = due
        if due == OFF:
            return
        tick = self._tick + HORIZON
        if due * TICKS_PER_SECOND < tick:
            tick = max(int(due * TICKS_PER_SECOND), self._tick) + 1
        if not timed.tick or tick < timed.tick:
            timed.tick = tick
            slot = self._slots.get(tick)
            if slot is None:
                self._slots[tick] = [timed]
            else:
                slot.append(timed)

    def every_second(self, call: Callable[[float], None]) -> None:
        """Have ``call(now)`` made about once a second."""
        self._every_second.append(call)

    def every_tick(self, call: Callable[[float], None]) -> None:
        """Have ``call(now)`` made about ten times a second."""
        self._every_tick.append(call)

    def start(self) -> None:
        self._handle = self._loop.call_later(1 / TICKS_PER_SECOND, self._run)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _run(self) -> None:
        self.start()
        self.turn(time.monotonic())

    def turn(self, now: float) -> None:
        """The timer fired: advance, unless it fired so late that sockets come first."""
        if int(now * TICKS_PER_SECOND) - self._tick > LATE and self._late_turns < LATE_TURNS:
            self._late_turns += 1
            return
        self._late_turns = 0
        self.advance(now)

    def advance(self, now: float) -> None:
        """Call what is due at ``now``."""
        self.now = now
        target = int(now * TICKS_PER_SECOND)
        while self._tick < target:
            self._tick += 1
            for timed in self._slots.pop(self._tick, ()):
                if timed.tick == self._tick:
                    self._visit(timed, now)
            if self._tick % TICKS_PER_SECOND == 0:
                _call_all(self._every_second, now)
        _call_all(self._every_tick, now)

    def _visit(self, timed: Timed, now: float) -> None:
        timed.tick = 0
        if timed.due > now:
            self.set(timed, timed.due)
            return
        try:
            timed.on_due(now)
        except Exception:
            log.exception("a deadline's handler failed")


def _call_all(calls: list[Callable[[float], None]], now: float) -> None:
    for call in calls:
        try:
            call(now)
        except Exception:
            log.exception("a periodic call failed")
