"""Values of options that name ext_proc servers."""

from __future__ import annotations

from pathlib import Path

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import fail
from modelyard.envoy.settings import Processor


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
