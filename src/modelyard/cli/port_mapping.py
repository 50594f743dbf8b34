"""``--port GATEWAYPORT=LOCALPORT`` and ``--admin ADDR:PORT``."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import fail


def port_mapping(given: Sequence[str]) -> dict[int, int]:
    """Gateway port -> local port; ends with a clear error for anything else."""
    ports: dict[int, int] = {}
    for text in given:
        gateway, equals, local = text.partition("=")
        if not equals or not (_is_port(gateway) and _is_port(local)):
            fail(f"--port {text!r}: write GATEWAYPORT=LOCALPORT, for example 80=8080.", ExitCode.USAGE)
        ports[int(gateway)] = int(local)
    return ports


def admin_address(given: str) -> tuple[str, int]:
    """Host and port of the admin API; the port may be 0 (any free one)."""
    host, _, port = given.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not (_is_port(port) or port == "0") or not _is_ip(host):
        fail(f"--admin {given!r}: write ADDR:PORT, for example 127.0.0.1:9901.", ExitCode.USAGE)
    return host, int(port)


def bind_address(given: str) -> str:
    """An IP address to bind."""
    if not _is_ip(given):
        fail(f"--bind {given!r}: give an IP address, for example 127.0.0.1 or 0.0.0.0.", ExitCode.USAGE)
    return given


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 65536


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
