"""Whether the Gateways' addresses can be bound, asked before anything is started."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from modelyard.control.addresses import Binding


class AddressUnusable(OSError):
    """An address of a Gateway cannot be bound; ``errno`` says why, ``binding`` which."""

    def __init__(self, binding: Binding, why: OSError) -> None:
        super().__init__(why.errno, why.strerror)
        self.binding = binding


def require_free(bindings: Iterable[Binding]) -> None:
    """Bind each address for a moment. Raises :class:`AddressUnusable` for the first that cannot be.

    Workers share their ports among themselves (SO_REUSEPORT), so another yard's would otherwise be shared unnoticed.
    """
    for binding in bindings:
        family = socket.AF_INET6 if ":" in binding.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((binding.host, binding.local_port))
                probe.listen(1)
            except OSError as problem:
                raise AddressUnusable(binding, problem) from problem
