"""Running simulated servers: one until told to stop (``serve``), or some inside a test (``running_sim``, ``running_sims``)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from modelyard.sim.faults import Faults
from modelyard.sim.settings import SimSettings


class SimHandle:
    """One running simulated server, as a test or the command line holds it."""

    settings: SimSettings
    host: str
    port: int
    address: str
    """``host:port`` of the API."""
    url: str
    """``http://host:port``."""
    metrics_url: str
    """Where the metrics page is; empty without one."""
    control_url: str
    """``http://host:port`` under which ``/sim/*`` can be reached even while connections are refused."""

    @property
    def faults(self) -> Faults:
        """Failures in force."""
        raise NotImplementedError

    async def set_faults(self, faults: Faults) -> None:
        """Replaces the failures in force; returns once the listening socket is closed or open again."""
        raise NotImplementedError

    async def close(self, *, timeout: float | None = None) -> None:
        """Stops listening, lets running requests end for ``timeout`` seconds (default: settings), aborts the rest."""
        raise NotImplementedError


async def serve(
    sims: Sequence[tuple[SimSettings, str, int]], *, ready: Callable[[Sequence[SimHandle]], None] | None = None
) -> None:
    """Serves ``(settings, host, port)`` each until SIGINT or SIGTERM."""
    raise NotImplementedError


@asynccontextmanager
async def running_sim(
    settings: SimSettings | None = None, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[SimHandle]:
    """One simulated server for the time of the block; port 0 takes any free port."""
    raise NotImplementedError
    yield SimHandle()


@asynccontextmanager
async def running_sims(
    settings: SimSettings | None = None, *, hosts: Sequence[str], port: int = 0
) -> AsyncIterator[Sequence[SimHandle]]:
    """The same server on each of ``hosts`` (``consecutive_hosts("127.40.0.1", 100)``), for the time of the block."""
    raise NotImplementedError
    yield ()


def consecutive_hosts(first: str, count: int) -> list[str]:
    """``count`` IPv4 addresses from ``first`` on."""
    raise NotImplementedError
