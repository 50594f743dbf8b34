"""Which local address and port each Gateway listener gets on this machine. Pure.

The first Gateway takes the bind address; another Gateway that wants a port which is taken gets the next loopback
address, so that every Gateway keeps the port numbers of its manifest. Privileged ports move (80 becomes 8080).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PRIVILEGED_DEFAULTS: Mapping[int, int] = {80: 8080, 443: 8443}
"""Local port for a Gateway's privileged port, where this process may not bind it."""

PRIVILEGED_BELOW = 1024
_UNPRIVILEGED_OFFSET = 8000
_FIRST_EXTRA = "127.7.0.1"


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
) -> tuple[Binding, ...]:
    """Bindings for (gateway, port, tls) in order of importance. ``ports`` maps a Gateway's port to a local one.

    Stable: the same input gives the same addresses. Raises :class:`NoAddress` where ``bind`` is not a loopback
    address and two Gateways want one port.
    """
    taken: set[tuple[str, int]] = set()
    host_of: dict[tuple[str, str], str] = {}
    wants: dict[tuple[str, str], list[tuple[int, int, bool]]] = {}
    for gateway, port, tls in wanted:
        local = ports.get(port) or local_port(port, may_bind_privileged)
        wants.setdefault(gateway, []).append((port, local, tls))
    for gateway, rows in wants.items():
        host = _free_host(bind, [local for _, local, _ in rows], taken, gateway)
        host_of[gateway] = host
        taken.update((host, local) for _, local, _ in rows)
    return tuple(
        Binding(f"{gateway[0]}/{gateway[1]}:{port}", gateway, port, host_of[gateway], local, tls)
        for gateway, rows in wants.items()
        for port, local, tls in rows
    )


def local_port(port: int, may_bind_privileged: bool) -> int:
    """The local port for a Gateway's ``port`` where the user gave none."""
    if port >= PRIVILEGED_BELOW or may_bind_privileged:
        return port
    return PRIVILEGED_DEFAULTS.get(port, port + _UNPRIVILEGED_OFFSET)


def _free_host(bind: str, locals_: list[int], taken: set[tuple[str, int]], gateway: tuple[str, str]) -> str:
    candidate = bind
    extra = ipaddress.ip_address(_FIRST_EXTRA)
    while any((candidate, port) in taken for port in locals_):
        if not ipaddress.ip_address(bind).is_loopback:
            name = "/".join(gateway)
            raise NoAddress(
                f"Gateway {name} wants a port that another Gateway has on {bind}: give one of them another local port"
                " (--port GATEWAYPORT=LOCALPORT) or bind to a loopback address, where each Gateway gets its own"
            )
        candidate = str(extra)
        extra += 1
    return candidate
