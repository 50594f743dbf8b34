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


def assign_addresses(home: str, keys: Iterable[str], kept: Mapping[str, str] = {}) -> dict[str, str]:
    """A loopback address for each key. ``kept``: addresses of replicas that run now, which do not move."""
    wanted = sorted(keys)
    assigned = {key: kept[key] for key in wanted if key in kept}
    taken = set(assigned.values())
    for key in wanted:
        if key in assigned:
            continue
        slot = _number(f"{home}\0{key}", 254 * 254)
        while (address := _address(slot)) in taken:
            slot += 1
        assigned[key] = address
        taken.add(address)
    return assigned


def _address(slot: int) -> str:
    high, low = divmod(slot % (254 * 254), 254)
    return f"{LOOPBACK_PREFIX}.{high + 1}.{low + 1}"


def assign_ports(home: str, keys: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """A port of 127.0.0.1 for each pair of replica and container port."""
    assigned: dict[tuple[str, int], int] = {}
    taken: set[int] = set()
    for key in sorted(keys):
        slot = _number(f"{home}\0{key[0]}\0{key[1]}", PORT_COUNT)
        while (port := FIRST_PORT + slot % PORT_COUNT) in taken:
            slot += 1
        assigned[key] = port
        taken.add(port)
    return assigned
