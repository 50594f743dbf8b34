"""Ports of an ext_proc process, asked for before anything is started."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from modelyard.worker.listening_socket import listening_socket

BIND = "--bind"
Place = tuple[str, int]
"""Host and port."""


class PortTaken(OSError):
    """A port cannot be bound; ``errno`` says why, ``place`` which, and ``flag`` who asked for it."""

    def __init__(self, place: Place, why: OSError, flag: str) -> None:
        super().__init__(why.errno, why.strerror)
        self.place = place
        self.flag = flag


def require_free(places: Mapping[str, Place]) -> None:
    """Bind each for a moment. ``places``: by flag. Raises :class:`PortTaken`. Workers share their ports among
    themselves (SO_REUSEPORT), so another process's would otherwise be shared unnoticed."""
    for flag, place in places.items():
        try:
            with listening_socket(*place, reuse_port=False) as probe:
                probe.listen(1)
        except OSError as problem:
            raise PortTaken(place, problem, flag) from problem


def free_ports(host: str, count: int) -> tuple[int, ...]:
    """So many distinct ports that nobody has at the moment, for those that were asked for as 0. Raises
    :class:`PortTaken` where the host is none of this machine's."""
    held: list[socket.socket] = []
    try:
        for _ in range(count):
            held.append(listening_socket(host, 0, reuse_port=False))
    except OSError as problem:
        raise PortTaken((host, 0), problem, BIND) from problem
    else:
        return tuple(int(sock.getsockname()[1]) for sock in held)
    finally:
        for sock in held:
            sock.close()
