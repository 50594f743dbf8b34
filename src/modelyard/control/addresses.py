"""Which local address and port each Gateway listener gets on this machine. Pure.

The first Gateway takes the bind address; another Gateway that wants a port which is taken gets the next loopback
address, so that every Gateway keeps the port numbers of its manifest. Privileged ports move (80 becomes 8080).
A Gateway that has an address keeps it while others come and go.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

PRIVILEGED_DEFAULTS: Mapping[int, int] = {80: 8080, 443: 8443}
"""Local port for a Gateway's privileged port, where this process may not bind it."""

PRIVILEGED_BELOW = 1024
_UNPRIVILEGED_OFFSET = 8000
_FIRST_EXTRA = "127.7.0.1"

Gateway = tuple[str, str]
"""Namespace and name."""
Socket = tuple[str, int]
"""Local address and port."""
_NOTHING: Mapping[Gateway, Sequence[str]] = {}


@dataclass(slots=True, frozen=True)
class Binding:
    """One socket: a Gateway's port on a local address."""

    group: str
    """Listener group id: ``namespace/gateway:port``."""
    gateway: tuple[str, str]
    port: int
    """Port in the manifest."""
    host: str
    local_port: int
    tls: bool


class NoAddress(ValueError):
    """A Gateway cannot be bound beside the others; the message says what to change."""


def plan_bindings(
    wanted: Sequence[tuple[tuple[str, str], int, bool]],
    *,
    bind: str,
    ports: Mapping[int, int],
    may_bind_privileged: bool,
    before: Sequence[Binding] = (),
    requested: Mapping[Gateway, Sequence[str]] = _NOTHING,
) -> tuple[Binding, ...]:
    """Bindings for (gateway, port, tls) in order of importance. ``ports`` maps a Gateway's port to a local one;
    ``requested`` are addresses that Gateways ask for and get, without overlap.

    Stable: the same input gives the same addresses, and a Gateway stays where it is in ``before`` unless it asks for
    a port that another one has there. Raises :class:`NoAddress` where ``bind`` is not a loopback address and two
    Gateways want one port.
    """
    wants: dict[Gateway, list[tuple[int, int, bool]]] = {}
    asked: dict[Gateway, dict[int, None]] = {}
    for gateway, port, _ in wanted:
        asked.setdefault(gateway, {})[port] = None
    locals_of = {gateway: _local_ports(gateway, own, ports, may_bind_privileged) for gateway, own in asked.items()}
    for gateway, port, tls in wanted:
        wants.setdefault(gateway, []).append((port, locals_of[gateway][port], tls))
    old_host = {binding.gateway: binding.host for binding in before}
    owner = {**_kept(wants, before), **_requested_sockets(wants, requested)}
    hosts_of: dict[Gateway, Sequence[str]] = dict(requested)
    for gateway, rows in wants.items():
        if gateway not in requested:
            sockets = [local for _, local, _ in rows]
            host = _free_host(old_host.get(gateway, bind), bind, sockets, owner, gateway)
            owner.update(((host, local), gateway) for local in sockets)
            hosts_of[gateway] = (host,)
    return tuple(
        Binding(f"{gateway[0]}/{gateway[1]}:{port}", gateway, port, host, local, tls)
        for gateway, rows in wants.items()
        for host in hosts_of[gateway]
        for port, local, tls in rows
    )


def _local_ports(
    gateway: Gateway, own: Collection[int], ports: Mapping[int, int], may_bind_privileged: bool
) -> dict[int, int]:
    """The local port of each port of one Gateway: those that move give way to those that stay."""
    found: dict[int, int] = {}
    moved = [port for port in own if port not in ports and local_port(port, may_bind_privileged) != port]
    for port in own:
        if port not in moved:
            local = ports.get(port, port)
            if local in found.values():
                raise NoAddress(
                    f"two ports of Gateway {'/'.join(gateway)} are to be local port {local}: choose another with"
                    f" --port {port}=LOCALPORT"
                )
            found[port] = local
    for port in moved:
        local = local_port(port, may_bind_privileged)
        found[port] = next(free for free in itertools.count(local) if free not in found.values())
    return found


def _kept(wants: Mapping[Gateway, Sequence[tuple[int, int, bool]]], before: Sequence[Binding]) -> dict[Socket, Gateway]:
    """Sockets of ``before`` that the same Gateway still wants."""
    still = {(gateway, local) for gateway, rows in wants.items() for _, local, _ in rows}
    return {(b.host, b.local_port): b.gateway for b in before if (b.gateway, b.local_port) in still}


def _requested_sockets(
    wants: Mapping[Gateway, Sequence[tuple[int, int, bool]]], requested: Mapping[Gateway, Sequence[str]]
) -> dict[Socket, Gateway]:
    return {
        (host, local): gateway
        for gateway, hosts in requested.items()
        for host in hosts
        for _, local, _ in wants.get(gateway, ())
    }


def local_port(port: int, may_bind_privileged: bool) -> int:
    """The local port for a Gateway's ``port`` where the user gave none."""
    if port >= PRIVILEGED_BELOW or may_bind_privileged:
        return port
    return PRIVILEGED_DEFAULTS.get(port, port + _UNPRIVILEGED_OFFSET)


def _free_host(first: str, bind: str, locals_: list[int], owner: Mapping[Socket, Gateway], gateway: Gateway) -> str:
    """``first`` or, where another Gateway has one of the ports there, ``bind`` or the next loopback address."""
    extra = ipaddress.ip_address(_FIRST_EXTRA)
    for candidate in itertools.chain((first, bind), (str(extra + count) for count in itertools.count())):
        if all(owner.get((candidate, port), gateway) == gateway for port in locals_):
            return candidate
        if not ipaddress.ip_address(bind).is_loopback:
            break
    raise NoAddress(
        f"Gateway {'/'.join(gateway)} wants a port that another Gateway has on {bind}: give one of them another local"
        " port (--port GATEWAYPORT=LOCALPORT) or bind to a loopback address, where each Gateway gets its own"
    )
