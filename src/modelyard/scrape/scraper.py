"""The scraper: backends in, fleets out."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping

from modelyard.fleet.backends import BackendSpec
from modelyard.fleet.fleet import BackendKey, Fleet
from modelyard.scrape.settings import ScrapeSettings


class Scraper:
    """Watches every endpoint of every backend. Used from one event loop; no method blocks or raises for
    what a server does."""

    def __init__(
        self,
        on_change: Callable[[Fleet], None],
        *,
        settings: ScrapeSettings | None = None,
        rng: random.Random | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        raise NotImplementedError

    @property
    def fleet(self) -> Fleet:
        """The latest fleet."""
        raise NotImplementedError

    def set_backends(self, backends: Mapping[BackendKey, BackendSpec]) -> None:
        """Watch exactly these from now on. What is known of endpoints that stay is kept."""
        raise NotImplementedError

    def report_failure(self, address: str, now: float) -> None:
        """The data plane could not use an endpoint (refused, reset, or timed out before the first byte)."""
        raise NotImplementedError

    def refresh_models(self, address: str) -> None:
        """Read the model list of an endpoint at once, for example after an adapter was loaded."""
        raise NotImplementedError

    async def close(self) -> None:
        """Stop watching and close every connection."""
        raise NotImplementedError
