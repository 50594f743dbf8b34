"""Ports of 127.0.0.1 for Ray's own processes, found right before a cluster starts."""

from __future__ import annotations

import random
import socket

from modelyard.local.addresses import FIRST_PORT, ONLY_LOOPBACK, PORT_COUNT

_TRIES = 400


def free_ports(count: int, rng: random.Random | None = None) -> list[int]:
    """``count`` ports that nobody uses, below the range that systems give to outgoing connections, so that Ray's
    workers (which take ports of that range) do not meet them. Raises OSError where there are none."""
    rng = rng or random.Random()
    found: list[int] = []
    for _ in range(_TRIES):
        port = FIRST_PORT + rng.randrange(PORT_COUNT)
        if port not in found and _is_free(port):
            found.append(port)
            if len(found) == count:
                return found
    raise OSError(f"no {count} free ports between {FIRST_PORT} and {FIRST_PORT + PORT_COUNT} of {ONLY_LOOPBACK}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((ONLY_LOOPBACK, port))
        except OSError:
            return False
    return True
