"""Ports that nobody uses."""

from __future__ import annotations

import socket


def free_port(address: str) -> int:
    """A port of ``address`` that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port
