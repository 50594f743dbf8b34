"""What ``modelyard envoy-config`` says on standard error: what was written, and what to run next."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from modelyard.cli.envoy_addresses import Place, is_loopback
from modelyard.cli.output import errors
from modelyard.envoy.settings import PICKER_PORT, ROUTER_PORT, Processor

_METRICS_PORT = 9090
"""Default of ``epp`` and of ``bbr``."""
DEFAULT_BODY = 64
"""MiB: the default of ``--max-body`` everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A configuration that is in place, and what it was made for."""

    config: Path
    """What Envoy is started with."""
    manifests: Sequence[Path]
    endpoints: Sequence[str] = ()
    """``NAME=IP:PORT,…`` of InferencePools, which the picker needs too."""
    picker: Processor | None = None
    """None: nobody picks."""
    router: Processor | None = None
    """None: no route reads the body."""
    max_body: int = DEFAULT_BODY
    places: Sequence[Place] = ()
    """Addresses of the configuration."""


def report_written(written: Written) -> None:
    """Say where it is and what to run."""
    listeners = [f"{place.host}:{place.port}" for place in written.places if place.what.startswith("the listener")]
    _say(f"written: {written.config} (listens on {', '.join(dict.fromkeys(listeners))})")
    _say("next:")
    for line in next_commands(written):
        _say(f"  {line}")
    folders = [one.ca_file for one in (written.picker, written.router) if one is not None and one.ca_file]
    for ca_file in dict.fromkeys(folders):
        _say(f"  (DIR has tls.crt and tls.key, signed by {ca_file})")


def report_certificates(keys: Iterable[Path]) -> None:
    """Say where private keys lie."""
    for key in keys:
        _say(f"written: {key} (private key, mode 0600; its certificate is beside it)")


def next_commands(written: Written) -> list[str]:
    """Picker, router and Envoy, with the ports and TLS switches that the configuration has."""
    taken = {place.port for place in written.places}
    manifests = [word for path in written.manifests for word in ("-f", str(path))]
    body = [] if written.max_body == DEFAULT_BODY else ["--max-body", str(written.max_body)]
    found: list[str] = []
    if written.picker is not None:
        endpoints = [word for text in written.endpoints for word in ("--endpoint", text)]
        found += _commands(["epp", *manifests, *endpoints, *body], written.picker, PICKER_PORT, taken)
    if written.router is not None:
        found += _commands(["bbr", *manifests, *body], written.router, ROUTER_PORT, taken)
    return [*found, f"envoy -c {shlex.quote(str(written.config))}"]


def _commands(words: Sequence[str], processor: Processor, usual: int, taken: set[int]) -> Iterator[str]:
    """One for each address. ``usual``: the default of its port, and the one below that of its health checks."""
    for host, port in processor.addresses:
        where = "" if is_loopback(host) else f"  # at {host}"
        ports = _ports(port, processor.health_port, usual, taken if is_loopback(host) else {port})
        options = [*words, *_bind(host), *ports, *_tls(processor)]
        yield shlex.join(["modelyard", *options]) + where


def _bind(host: str) -> list[str]:
    plain = "127.0.0.1" if host == "localhost" else host.strip("[]")
    if plain == "127.0.0.1":
        return []
    return ["--bind", plain if is_loopback(host) else "0.0.0.0"]


def _ports(port: int, health: int, usual: int, taken: set[int]) -> list[str]:
    """Those that are not the defaults, and none that is ``taken``; takes them."""
    options = [] if port == usual else ["--grpc-port", str(port)]
    for flag, default, given in (("--grpc-health-port", usual + 1, health), ("--metrics-port", _METRICS_PORT, 0)):
        own = given or _free(default, taken)
        taken.add(own)
        options += [] if own == default else [flag, str(own)]
    return options


def _tls(processor: Processor) -> list[str]:
    if processor.ca_file:
        return ["--cert-path", "DIR"]
    return [] if processor.unchecked_tls else ["--no-secure-serving"]


def _free(port: int, taken: set[int]) -> int:
    while port in taken:
        port += 1
    return port


def _say(line: str) -> None:
    errors.print(Text(line))
