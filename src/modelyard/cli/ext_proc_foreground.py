"""What ``epp`` and ``bbr`` do once their options are read."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import msgspec

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.ext_proc_report import ExtProcReport
from modelyard.cli.foreground import log_to_stderr
from modelyard.cli.output import Output, fail
from modelyard.control.ext_proc.ports import BIND, PortTaken, free_ports
from modelyard.control.ext_proc.settings import ExtProcSettings, TlsFiles
from modelyard.control.ext_proc.sources import Source
from modelyard.control.worker_socket import default_socket_path
from modelyard.local.home import Home

ALL_FROM = 4
"""``--v`` from which everything is logged, as Kubernetes' programs count."""


class Ports(msgspec.Struct, frozen=True):
    """The three ports, as given; 0 is any free one."""

    grpc: int
    health: int
    metrics: int

    def found(self, host: str) -> Ports:
        """With a free port for each 0. Ends with a clear error where two are the same."""
        given = [port for port in (self.grpc, self.health, self.metrics) if port]
        if len(set(given)) < len(given):
            fail("--grpc-port, --grpc-health-port and --metrics-port must differ.", ExitCode.USAGE)
        try:
            free = iter(free_ports(host, 3))
        except PortTaken as problem:
            _fail_on_port(problem)
        return Ports(self.grpc or next(free), self.health or next(free), self.metrics)


def tls_files(secure_serving: bool, folder: Path | None) -> TlsFiles | None:
    """The folder of ``--cert-path``; ends with a clear error where it would mean nothing."""
    if folder is not None and not secure_serving:
        fail("--cert-path needs --secure-serving: without TLS there is no certificate.", ExitCode.USAGE)
    return TlsFiles(folder=folder.absolute()) if folder is not None else None


def socket_path(role: str, host: str, port: int, home: Path | None) -> Path:
    """Where workers and control process of one port meet, also after the latter was started anew."""
    name = f"{role}-{host.replace(':', '_')}-{port}"
    return default_socket_path(Home.at(home).root, name)


def run_in_foreground(settings: ExtProcSettings, sources: Sequence[Source], verbosity: int, output: Output) -> None:
    """Run until stopped. Every failure ends with its own exit code."""
    # Imported here: the other commands need none of it, and it takes a third of their time to start.
    from modelyard.control.ext_proc.certificate_files import CertificateUnusable
    from modelyard.control.ext_proc.port_lock import AlreadyRunning
    from modelyard.control.ext_proc.run import run_ext_proc

    log_to_stderr(verbosity >= ALL_FROM)
    try:
        run_ext_proc(settings, sources, ExtProcReport(output).run)
    except CertificateUnusable as problem:
        fail(str(problem), ExitCode.INVALID, next_step="--cert-path names a folder with tls.crt and tls.key.")
    except AlreadyRunning as problem:
        fail(str(problem), ExitCode.ADDRESS_IN_USE, next_step="Stop it, or choose other ports.")
    except PortTaken as problem:
        _fail_on_port(problem)
    except OSError as problem:
        fail(str(problem), next_step="--home DIR names a folder that can be written to.")


def _fail_on_port(problem: PortTaken) -> NoReturn:
    host, port = problem.place
    flag, place = problem.flag, f"{host}:{port}" if port else host
    if problem.errno == errno.EADDRNOTAVAIL:
        asked = flag if flag == "--admin" else BIND
        step = f"{asked} takes an address of this machine, or 0.0.0.0 for all."
        fail(f"{flag}: {place} cannot be bound: {problem.strerror}.", next_step=step)
    if problem.errno != errno.EADDRINUSE:
        fail(f"{flag}: {place} cannot be bound: {problem.strerror or problem}.", next_step=f"Choose another {flag}.")
    step = f"Stop what uses it, or choose another {flag}."
    if flag == "--metrics-port":
        step = f"Choose another {flag}: epp and bbr both have 9090, as Prometheus has."
    fail(f"{flag}: {place} is taken.", ExitCode.ADDRESS_IN_USE, next_step=step)
