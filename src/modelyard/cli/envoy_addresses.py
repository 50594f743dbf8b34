"""Addresses of an Envoy that is configured, and two that are the same where they must not be."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping
from itertools import combinations
from typing import NamedTuple

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import fail, warn
from modelyard.control.addresses import Binding
from modelyard.envoy.settings import EdgeSettings
from modelyard.routing.listeners import Listener


class Place(NamedTuple):
    """One address, and what it is for."""

    what: str
    host: str
    port: int
    ours: bool = True
    """Envoy binds it itself, so it is on Envoy's machine."""

    @property
    def here(self) -> bool:
        """Known to be on Envoy's machine."""
        return self.ours or is_loopback(self.host)


def places_of(bindings: Iterable[Binding], settings: EdgeSettings, *, picks: bool, asks_router: bool) -> list[Place]:
    """Every address of the configuration. ``picks``, ``asks_router``: whether these two are asked at all."""
    places = [Place(f"the listener of Gateway {item.group}", item.host, item.local_port) for item in bindings]
    if settings.admin is not None and settings.admin[1]:
        places.append(Place("--admin", *settings.admin))
    if picks:
        places += [Place("--picker", host, port, ours=False) for host, port in settings.picker.addresses]
    if asks_router:
        places += [Place("--router", host, port, ours=False) for host, port in settings.router.addresses]
    return places


def refuse_clashes(places: Collection[Place]) -> None:
    """Ends with a clear error where two are one; listeners were given addresses of their own already."""
    for one, other in combinations(places, 2):
        if _clash(one, other) and other.what.startswith("--"):
            fail(
                f"{one.what} and {other.what} are both {other.host}:{other.port}.",
                ExitCode.USAGE,
                next_step="Give one of them another port (--port GATEWAYPORT=LOCALPORT, --admin, --picker, --router).",
            )


def remark_unused_ports(ports: Mapping[int, int], listeners: Iterable[Listener]) -> None:
    """Warn of ``--port`` for a port that no listener has."""
    there = sorted({listener.port for listener in listeners})
    for port, local in ports.items():
        if port not in there:
            warn(f"--port {port}={local} changes nothing: no listener has port {port}; there is {_list(there)}.")


def is_loopback(host: str) -> bool:
    """Whether a host is certainly this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _clash(one: Place, other: Place) -> bool:
    if one.port != other.port:
        return False
    hosts = [_plain(one.host), _plain(other.host)]
    return hosts[0] == hosts[1] or (one.here and other.here and any(host in ("0.0.0.0", "::") for host in hosts))


def _plain(host: str) -> str:
    return "127.0.0.1" if host == "localhost" else host.strip("[]")


def _list(ports: Iterable[int]) -> str:
    return ", ".join(str(port) for port in ports)
