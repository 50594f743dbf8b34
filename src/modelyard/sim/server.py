"""Running simulated servers: some until told to stop (``serve``), or for the time of a test
(``running_sim``)."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import resource
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from modelyard.sim.api.routes import CONTROL, Routes, api_routes, metrics_routes
from modelyard.sim.engine import Engine
from modelyard.sim.faults import Faults
from modelyard.sim.http import HttpServer
from modelyard.sim.requestlog import ReceivedRequest
from modelyard.sim.settings import SimSettings
from modelyard.sim.simulator import Simulator

_log = logging.getLogger(__name__)
_BACKLOG = 4096
"""Connections waiting to be accepted: thousands of streams are opened at once in load tests."""


_CUT_S = 0.001
"""For aiohttp, no time at all means for ever."""


class Listener:
    """One listening socket and the connections that came by it; can be closed and opened again on its
    port."""

    def __init__(self, sim: Simulator, routes: Routes, host: str, port: int) -> None:
        self._sim = sim
        self._routes = routes
        self._web = HttpServer(sim, routes)
        self._socket: asyncio.Server | None = None
        self.host = host
        self.port = port
        """The real port once open."""

    async def open(self) -> None:
        if self._socket is None:
            loop = asyncio.get_running_loop()
            self._socket = await loop.create_server(
                self._web, self.host, self.port, backlog=_BACKLOG, reuse_address=True
            )
            self.port = self._socket.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Closes the socket and every idle connection; answers under way go on, their connections close after
        them."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self._web.hang_up()

    async def close(self) -> None:
        """Ends everything at once."""
        self.refuse()
        await self._web.shutdown(_CUT_S)

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class SimHandle:
    """One running simulated server, as a test or the command line holds it."""

    def __init__(self, settings: SimSettings, host: str, port: int) -> None:
        self.settings = settings
        self.simulator = Simulator(settings, "")
        sim = self.simulator
        self._api = Listener(sim, api_routes(settings), host, port)
        self._metrics = self._extra(settings.metrics_port, metrics_routes(settings))
        self._control = self._extra(settings.control_port, CONTROL)
        sim.listen = self._listen

    def _extra(self, port: int | None, routes: Routes) -> Listener | None:
        return None if port is None else Listener(self.simulator, routes, self._api.host, port)

    @property
    def host(self) -> str:
        return self._api.host

    @property
    def port(self) -> int:
        return self._api.port

    @property
    def address(self) -> str:
        """``host:port`` of the API."""
        return self._api.address

    @property
    def url(self) -> str:
        """``http://host:port`` of the API."""
        return self._api.url

    @property
    def metrics_url(self) -> str:
        """Where the metrics page is; empty without one."""
        if self.settings.metrics_dialect == "none":
            return ""
        return (self._metrics or self._api).url + self.settings.metrics_path

    @property
    def control_url(self) -> str:
        """Base URL of ``/sim/*``: the control port where there is one, reachable while connections are
        refused."""
        return (self._control or self._api).url

    @property
    def engine(self) -> Engine:
        """The pure core, for assertions."""
        return self.simulator.engine

    @property
    def requests(self) -> Sequence[ReceivedRequest]:
        """The last requests received, oldest first."""
        return self.simulator.log.last()

    @property
    def faults(self) -> Faults:
        """Failures in force."""
        return self.simulator.faults

    async def set_faults(self, faults: Faults) -> None:
        """Replaces the failures in force; returns once the listening socket is closed or open again."""
        await self.simulator.change_faults(faults)

    async def start(self) -> None:
        """Opens the sockets after ``startup_s``. OSError: an address or port cannot be had."""
        if self.settings.startup_s:
            await asyncio.sleep(self.settings.startup_s)
        await self._api.open()
        self.simulator.address = self.address
        for listener in (self._metrics, self._control):
            if listener is not None:
                await listener.open()
        await self.set_faults(self.settings.faults)

    async def close(self, *, timeout: float | None = None) -> None:
        """Stops listening, lets requests under way end for ``timeout`` seconds (default:
        ``shutdown_timeout``), then cuts what is left."""
        sim = self.simulator
        sim.draining = True
        self._api.refuse()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.settings.shutdown_timeout if timeout is None else timeout):
                await sim.idle.wait()
        sim.stop()
        for listener in (self._api, self._metrics, self._control):
            if listener is not None:
                await listener.close()

    async def _listen(self, listen: bool) -> None:
        if listen and not self.simulator.draining:
            await self._api.open()
        else:
            self._api.refuse()


async def serve(
    sims: Sequence[tuple[SimSettings, str, int]],
    *,
    ready: Callable[[Sequence[SimHandle]], None] | None = None,
) -> None:
    """Serves each ``(settings, host, port)`` until SIGINT or SIGTERM; ``ready`` is called once all ports are
    open.

    A second signal cuts the requests that ``shutdown_timeout`` still waits for. OSError: an address cannot be
    had.
    """
    allow_many_sockets()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with _running(sims) as handles:
        if ready is not None:
            ready(handles)
        await stop.wait()
        stop.clear()
        await _until(stop, asyncio.gather(*(handle.close() for handle in handles)))


async def _until(stop: asyncio.Event, closing: asyncio.Future[list[None]]) -> None:
    """Waits for ``closing``, or gives it up when ``stop`` is set again."""
    waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(stop.wait()), closing]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)


@asynccontextmanager
async def running_sim(
    settings: SimSettings | None = None, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[SimHandle]:
    """One simulated server for the time of the block; port 0 takes any free port."""
    async with _running([(settings or SimSettings(), host, port)]) as handles:
        yield handles[0]


@asynccontextmanager
async def running_sims(
    settings: SimSettings | None = None, *, hosts: Sequence[str], port: int = 0
) -> AsyncIterator[Sequence[SimHandle]]:
    """The same server on each of ``hosts`` (``consecutive_hosts("127.40.0.1", 100)``), for the time of the
    block."""
    async with _running([(settings or SimSettings(), host, port) for host in hosts]) as handles:
        yield handles


@asynccontextmanager
async def _running(sims: Sequence[tuple[SimSettings, str, int]]) -> AsyncIterator[Sequence[SimHandle]]:
    handles = [SimHandle(*sim) for sim in sims]
    try:
        await asyncio.gather(*(handle.start() for handle in handles))
        yield handles
    finally:
        await asyncio.gather(*(handle.close(timeout=0.0) for handle in handles))


def consecutive_hosts(first: str, count: int) -> list[str]:
    """``count`` addresses from ``first`` on. ValueError: ``first`` is no IP address."""
    start = ipaddress.ip_address(first)
    return [str(start + offset) for offset in range(count)]


def allow_many_sockets() -> None:
    """Raises the soft limit of open files to the hard one: one stream is one file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        _log.warning("open files stay limited to %d: more streams than that will fail", soft)
