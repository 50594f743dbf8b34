"""Options that ``epp`` and ``bbr`` share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import fail, warn
from modelyard.resources.durations import parse_go_duration
from modelyard.worker.protocol import TlsVersion

PORTS, TLS, PROCESS = "Ports", "TLS", "Process"
_OLD_TLS = ("VersionTLS10", "VersionTLS11")
_TLS_VERSIONS: Mapping[str, TlsVersion] = {
    **dict.fromkeys(_OLD_TLS, "TLSv1.2"),
    "VersionTLS12": "TLSv1.2",
    "VersionTLS13": "TLSv1.3",
}

BindOption = Annotated[
    str,
    typer.Option(
        "--bind",
        help="Address of all ports. Default: 127.0.0.1, and every address (0.0.0.0) in a Kubernetes Pod.",
        rich_help_panel=PORTS,
    ),
]
AdminOption = Annotated[
    str,
    typer.Option(
        "--admin",
        help="ADDR:PORT of the admin API (resources, fleet, explain); port 0: any free one. Default: none.",
        rich_help_panel=PORTS,
    ),
]
SecureServingOption = Annotated[
    bool,
    typer.Option(
        "--secure-serving/--no-secure-serving", help="Serve ext_proc over TLS, or in plain text.", rich_help_panel=TLS
    ),
]
CertPathOption = Annotated[
    Path | None,
    typer.Option(
        "--cert-path",
        help="Folder with tls.crt and tls.key, read again when they change. Default: self-signed, in memory only.",
        rich_help_panel=TLS,
    ),
]
TlsMinimumOption = Annotated[
    str,
    typer.Option(
        "--tls-min-version",
        help="VersionTLS12 or VersionTLS13: what gateways must speak at least.",
        rich_help_panel=TLS,
    ),
]
MessageSizeOption = Annotated[
    str,
    typer.Option(
        "--grpc-max-recv-msg-size",
        help="Longest gRPC message that is taken (10MiB, 25MB, bytes). Default: a body of --max-body in one message.",
        rich_help_panel=PROCESS,
    ),
]
WorkersOption = Annotated[
    str,
    typer.Option("--workers", help="Worker processes that share the port: a number, or auto.", rich_help_panel=PROCESS),
]
DrainTimeoutOption = Annotated[
    str,
    typer.Option("--drain-timeout", help="How long open streams may go on after SIGTERM.", rich_help_panel=PROCESS),
]
DrainDelayOption = Annotated[
    str,
    typer.Option(
        "--drain-delay",
        help="How long new streams are taken after SIGTERM, until gateways know. Default: 0s, in a Kubernetes Pod 5s.",
        rich_help_panel=PROCESS,
    ),
]
AccessLogOption = Annotated[
    str,
    typer.Option(
        "--access-log",
        help="File for one line per request, - for standard output (default none).",
        rich_help_panel=PROCESS,
    ),
]
VerbosityOption = Annotated[
    int, typer.Option("--v", help="How much to log: 0 little, 4 and above all.", min=0, rich_help_panel=PROCESS)
]


def default_host() -> str:
    """Loopback, since opening a picker to the network is a decision; in a Pod that decision has been made."""
    return "0.0.0.0" if _in_pod() else "127.0.0.1"


def drain_delay(text: str) -> float:
    """``--drain-delay``; a Service goes on sending connections to a Pod that ends for a few seconds."""
    return seconds("--drain-delay", text) if text else 5.0 if _in_pod() else 0.0


def _in_pod() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ


def tls_minimum(text: str) -> TlsVersion:
    """``--tls-min-version``, as Go names versions; ends with a clear error for an unknown one."""
    if text not in _TLS_VERSIONS:
        fail(f"--tls-min-version {text!r}: one of {', '.join(_TLS_VERSIONS)}.", ExitCode.USAGE)
    if text in _OLD_TLS:
        warn(f"--tls-min-version {text}: TLS 1.2 and later is served.")
    return _TLS_VERSIONS[text]


def seconds(option: str, text: str) -> float:
    """A Go duration, or a bare number of seconds; ends with a clear error for anything else."""
    try:
        return float(text) if text.replace(".", "", 1).isdecimal() else parse_go_duration(text)
    except ValueError as problem:
        fail(f"{option}: {problem}.", ExitCode.USAGE)
