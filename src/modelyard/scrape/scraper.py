"""The scraper: backends in, fleets out."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping

from modelyard.fleet.backends import BackendSpec, EndpointSpec
from modelyard.fleet.endpoints import Endpoint
from modelyard.fleet.fleet import BackendKey, Fleet
from modelyard.fleet.health import HealthCheck
from modelyard.scrape.board import Board
from modelyard.scrape.client import Client
from modelyard.scrape.jobs import Shared
from modelyard.scrape.settings import ScrapeSettings
from modelyard.scrape.watch import Watch
from modelyard.scrape.wheel import Wheel

_log = logging.getLogger(__name__)


class Scraper:
    """Watches every endpoint of every backend. Made and used inside one running event loop.

    No method blocks, and none raises for what a server does.
    """

    def __init__(
        self,
        on_change: Callable[[Fleet], None],
        *,
        settings: ScrapeSettings | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """``on_change`` gets each new fleet, at most one for each ``settings.batch`` seconds."""
        self._on_change = on_change
        self._settings = settings or ScrapeSettings()
        self._loop = asyncio.get_running_loop()
        self._wheel = Wheel(self._settings.tick, self._arm)
        self._client = Client(self._wheel, time.monotonic)
        self._shared = Shared(self._settings, self._wheel, self._client, time.monotonic, rng or random.Random())
        self._watches: dict[str, Watch] = {}
        self._specs: Mapping[BackendKey, BackendSpec] = {}
        self._board = Board()
        self._publishing = False
        self._published = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def fleet(self) -> Fleet:
        """The latest fleet that was published."""
        return self._board.fleet

    @property
    def looked(self) -> bool:
        """Every endpoint was looked at at least once: what is not ready in ``fleet`` is so for a reason."""
        return all(watch.looked for watch in self._watches.values())

    def set_backends(self, backends: Mapping[BackendKey, BackendSpec]) -> None:
        """Watch exactly these from now on. What is known of endpoints that stay is kept. ``on_change`` gets the new
        fleet before this returns."""
        wanted: dict[str, list[EndpointSpec]] = {}
        for backend in backends.values():
            for spec in backend.endpoints:
                wanted.setdefault(spec.endpoint.address, []).append(spec)
        was_ready = self._ready_addresses()
        self._drop_all_but(wanted)
        for address, specs in wanted.items():
            watch = self._watches.get(address)
            if watch is None:
                watch = self._watches[address] = Watch(self._shared, _merged(specs), self._mark)
            elif address not in was_ready and any(spec.ready for spec in specs):
                watch.hurry()
            elif address in was_ready and not any(spec.ready for spec in specs):
                watch.went_away()
            watch.use_checks(_checks(specs))
        self._specs = backends
        self._board.set_backends(backends, self._watches)
        self._publish(time.monotonic())

    def report_failure(self, address: str, now: float | None = None) -> None:
        """The data plane could not use an endpoint (refused, reset, or timed out before the first byte).

        ``now``: when it happened (CLOCK_MONOTONIC); the present if left out. Unknown addresses are ignored.
        """
        watch = self._watches.get(address)
        if watch is not None:
            watch.traffic_failed(time.monotonic() if now is None else now)

    def refresh_models(self, address: str) -> None:
        """Read the model list of an endpoint at once, for example after an adapter was loaded."""
        watch = self._watches.get(address)
        if watch is not None:
            watch.refresh_models()

    def model_missing(self, address: str, engine_name: str) -> None:
        """An endpoint answered 404 for an adapter that it was thought to have: it is not believed to have it until its
        list, which is read at once, says so again. ``on_change`` gets it before this returns."""
        watch = self._watches.get(address)
        if watch is not None:
            watch.model_missing(engine_name)
            self._publish(time.monotonic())

    def set_adapters(self, address: str, names: Mapping[str, str], expected: frozenset[str] = frozenset()) -> bool:
        """Which adapters an endpoint has, and which it will have soon; ``on_change`` gets it before this returns.

        ``names``: name for clients -> name in this engine, of adapters that were loaded (an empty name: not to be used
        any more). A name that is new here is believed until the model list is read again, which is done at once; one
        that was not to be used and is left out now is not believed until then, since it has been unloaded.
        ``expected``: names for clients; requests for them wait. Both replace what was said before, and are forgotten
        with the endpoint. False: the address is not watched, nothing was kept.
        """
        watch = self._watches.get(address)
        if watch is None:
            return False
        watch.set_adapters(names, expected)
        self._board.mark(watch)
        self._publish(time.monotonic())
        return True

    async def close(self) -> None:
        """Stop watching and close every connection."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for watch in self._watches.values():
            watch.close()
        await self._client.close()

    def _ready_addresses(self) -> set[str]:
        return {s.endpoint.address for b in self._specs.values() for s in b.endpoints if s.ready}

    def _drop_all_but(self, wanted: Mapping[str, list[EndpointSpec]]) -> None:
        """End the watches of addresses that are gone, or that another replica or engine has now."""
        for address, watch in tuple(self._watches.items()):
            specs = wanted.get(address)
            if specs is None or _identity(_merged(specs)) != _identity(watch.endpoint):
                watch.close()
                del self._watches[address]
                self._client.forget(watch.endpoint.host)

    def _mark(self, watch: Watch) -> None:
        self._board.mark(watch)
        self._publish_soon()

    def _publish_soon(self) -> None:
        if not self._publishing:
            self._publishing = True
            now = time.monotonic()
            self._wheel.add(max(now, self._published + self._settings.batch), self._publish_batch)

    def _publish_batch(self, now: float) -> None:
        self._publishing = False
        self._publish(now)

    def _publish(self, now: float) -> None:
        fleet = self._board.publish(now)
        if fleet is not None and not self._closed:
            self._published = now
            self._on_change(fleet)

    def _arm(self) -> None:
        """Have ``_tick`` called when the next bucket of the wheel is due."""
        if self._timer is not None:
            self._timer.cancel()
        next_at = self._wheel.next_at
        if next_at is not None and not self._closed:
            self._timer = self._loop.call_later(max(next_at - time.monotonic(), 0.0), self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = time.monotonic()
        for due in self._wheel.pop(now):
            try:
                due(now)
            except Exception:
                _log.exception("a planned task of the scraper failed; the others go on")
        if self._timer is None:
            self._arm()


def _merged(specs: list[EndpointSpec]) -> Endpoint:
    """The endpoint as the backend sees it that knows its engine and metrics (a Service may know less than a
    pool)."""
    return max((spec.endpoint for spec in specs), key=lambda e: (bool(e.metrics_url), bool(e.engine)))


def _identity(endpoint: Endpoint) -> tuple[str, str, str, str]:
    return endpoint.name, endpoint.namespace, endpoint.engine, endpoint.metrics_url


def _checks(specs: list[EndpointSpec]) -> set[HealthCheck | None]:
    return {spec.health for spec in specs}
