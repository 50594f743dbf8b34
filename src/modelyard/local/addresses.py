"""Addresses of replicas: each its own in 127.8.0.0/16, or a port of its own where the system has only
127.0.0.1.

An address follows from the yard's home and the replica's name, so that it survives restarts and two yards
of one machine do not meet; where two names fall on the same one, the later in order takes the next that is
free.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

LOOPBACK_PREFIX = "127.8"
ONLY_LOOPBACK = "127.0.0.1"
FIRST_PORT, PORT_COUNT = 20000, 12000
"""Allocated ports lie below the range that systems use for outgoing connections (32768 and up on Linux)."""


def _number(text: str, size: int) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") % size


def assign_addresses(
    home: str, keys: Iterable[str], kept: Mapping[str, str] = {}, prefix: str = LOOPBACK_PREFIX
) -> dict[str, str]:
    """A loopback address for each key. ``kept``: addresses of replicas that run now, which do not move. Kinds of
    things with a ``prefix`` of their own (its first two bytes) never meet."""
    wanted = sorted(keys)
    assigned = {key: kept[key] for key in wanted if key in kept}
    taken = set(assigned.values())
    for key in wanted:
        if key in assigned:
            continue
        slot = _number(f"{home}\0{key}", 254 * 254)
        while (address := _address(slot, prefix)) in taken:
            slot += 1
        assigned[key] = address
        taken.add(address)
    return assigned


def _address(slot: int, prefix: str) -> str:
    high, low = divmod(slot % (254 * 254), 254)
    return f"{prefix}.{high + 1}.{low + 1}"


class PortTable:
    """Ports of 127.0.0.1 for the replicas of one plan, given out in the order of asking."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._given: dict[tuple[str, int], int] = {}

    def port(self, key: str, container_port: int) -> int:
        """The local port of a replica's container port; the same one when asked again."""
        wanted = (key, container_port)
        if wanted not in self._given:
            slot = _number(f"{self._home}\0{key}\0{container_port}", PORT_COUNT)
            taken = set(self._given.values())
            while (port := FIRST_PORT + slot % PORT_COUNT) in taken:
                slot += 1
            self._given[wanted] = port
        return self._given[wanted]
