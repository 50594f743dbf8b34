"""What every repeated question to an endpoint has in common, and what all of them share."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from modelyard.scrape.client import Client
from modelyard.scrape.settings import ScrapeSettings
from modelyard.scrape.wheel import Wheel


@dataclass(slots=True, frozen=True)
class Shared:
    """What the watches of one scraper share."""

    settings: ScrapeSettings
    wheel: Wheel
    client: Client
    clock: Callable[[], float]
    rng: random.Random


class Job:
    """Something done again and again, never twice at once. A subclass defines ``run`` and calls ``again``
    or ``rest``."""

    __slots__ = ("_at", "_busy", "closed", "shared")

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.closed = False
        self._at = float("inf")
        self._busy = False

    def soon(self) -> None:
        """Do it at the next tick, or, when it is under way, as soon as that has ended."""
        self._plan(self.shared.clock())

    def again(self, delay: float) -> None:
        """It has ended: do it again after ``delay`` seconds, moved by the jitter of the settings."""
        self._busy = False
        spread = self.shared.settings.jitter
        moved = delay * (1.0 + self.shared.rng.uniform(-spread, spread))
        self._plan(min(self.shared.clock() + moved, self._at))

    def rest(self) -> None:
        """It has ended: do it again only when ``soon`` says so."""
        self._busy = False
        if self._at < float("inf"):
            self._plan(self._at)

    def close(self) -> None:
        """Never do it again; an answer that is still to come is not looked at."""
        self.closed = True

    def run(self) -> None:
        """Ask the question. Its callback ends with ``again`` or ``rest``."""
        raise NotImplementedError

    def _plan(self, at: float) -> None:
        if at < self._at:
            self._at = at
        if not self._busy:
            self.shared.wheel.add(self._at, self._due)

    def _due(self, now: float) -> None:
        if not self.closed and not self._busy and now >= self._at:
            self._busy = True
            self._at = float("inf")
            self.run()
