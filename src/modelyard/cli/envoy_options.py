"""Values of options of ``envoy-config``: ext_proc servers, and how much memory Envoy may have."""

from __future__ import annotations

from pathlib import Path

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import fail
from modelyard.envoy.settings import Processor

CONTAINER = "container"
"""Value of ``--max-heap``."""
_MOST_HEAP = 1024 * 1024
"""MiB."""


def heap_limit(option: str, text: str) -> int:
    """Bytes of Envoy's heap; 0: no bound of its own. Ends with a clear error for anything else than MiB, or a word."""
    if text in (CONTAINER, "none"):
        return 0
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= _MOST_HEAP):
        fail(f"{option} {text!r}: write a number of MiB, {CONTAINER}, or none.", ExitCode.USAGE)
    return int(text) * 1024 * 1024


def processor(
    option: str, text: str, *, ca: Path | None, unchecked_tls: bool, health_port: int, pings: bool
) -> Processor:
    """An ext_proc server and those that stand in for it; ends with a clear error for anything else than HOST:PORT."""
    return Processor(
        addresses=tuple(_host_and_port(option, part.strip()) for part in text.split(",")),
        health_port=health_port,
        ca_file=str(ca.absolute()) if ca is not None else "",
        unchecked_tls=unchecked_tls,
        answers_pings=pings,
    )


def _host_and_port(option: str, text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        fail(f"{option} {text!r}: write HOST:PORT.", ExitCode.USAGE)
    return host, int(port)
