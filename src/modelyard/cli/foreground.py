"""What ``up`` and ``gateway`` do once their options are read: run the yard and show how it starts."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from rich.logging import RichHandler

from modelyard.cli.edge_option import Edge, edge_envoy
from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.manifests_option import read_or_fail, split_pipe
from modelyard.cli.output import Output, errors, fail
from modelyard.cli.port_mapping import admin_address, bind_address, port_mapping
from modelyard.cli.startup_report import StartupReport
from modelyard.control.addresses import NoAddress
from modelyard.control.free_addresses import AddressUnusable
from modelyard.control.run import run_yard
from modelyard.control.settings import ControlSettings
from modelyard.control.url_resources import BadUrl
from modelyard.control.yard_file import HomeInUse
from modelyard.local.home import Home
from modelyard.local.replica_plan import EngineMode
from modelyard.manifests.reading import ReadResult
from modelyard.resources.resource_set import ResourceSet

NO_SOURCES: Mapping[str, str] = {}


def run_in_foreground(
    *,
    paths: Sequence[Path],
    urls: Sequence[str],
    home: Path | None,
    run_local: bool,
    engine: EngineMode,
    edge: Edge = Edge.MODELYARD,
    silence: float = 0.9,
    sources: Mapping[str, str] = NO_SOURCES,
    bind: str,
    ports: Sequence[str],
    admin: str,
    gateway_class: str | None,
    workers: str,
    drain: float,
    access_log: str,
    max_body: int,
    adapter_wait: float,
    endpoint_header: bool,
    verbose: bool,
    output: Output,
) -> None:
    """Check everything, then run until stopped. Every failure ends with its own exit code."""
    log_to_stderr(verbose)
    admin_host, admin_port = admin_address(admin)
    files, piped = split_pipe(paths)
    settings = ControlSettings(
        paths=files,
        piped=piped,
        urls=tuple(urls),
        home=Home.at(home),
        run_local=run_local,
        engine=engine,
        sources=sources,
        bind=bind_address(bind),
        ports=port_mapping(ports),
        admin_host=admin_host,
        admin_port=admin_port,
        gateway_class=gateway_class,
        envoy=edge_envoy(edge),
        silence=silence,
        workers=worker_count(workers),
        body_limit=max_body * 1024 * 1024,
        drain_seconds=drain,
        access_log=access_log,
        adapter_wait=adapter_wait,
        endpoint_header=endpoint_header,
    )
    read = read_or_fail(files, piped) if paths else ReadResult(resource_set=ResourceSet(), errors=(), files=())
    report = StartupReport(output)
    try:
        run_yard(settings, read, report.run)
    except (BadUrl, NoAddress) as problem:
        fail(str(problem), ExitCode.USAGE)
    except HomeInUse as problem:
        fail(str(problem), next_step="Stop it (modelyard stop), or give this one a directory of its own (--home DIR).")
    except AddressUnusable as problem:
        _fail_on_gateway(problem)
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            fail(
                f"the admin address {admin_host}:{admin_port} is taken.",
                ExitCode.ADDRESS_IN_USE,
                next_step="Stop what uses it (is it a yard? modelyard ps), or choose another with --admin ADDR:PORT.",
            )
        fail(str(problem))


def _fail_on_gateway(problem: AddressUnusable) -> NoReturn:
    binding = problem.binding
    name, taken = "/".join(binding.gateway), problem.errno == errno.EADDRINUSE
    fail(
        f"port {binding.port} of Gateway {name} cannot be served at {binding.host}:{binding.local_port}:"
        f" {problem.strerror}.",
        ExitCode.ADDRESS_IN_USE if taken else ExitCode.FAILED,
        next_step=f"Choose another port with --port {binding.port}=LOCALPORT, or another address with --bind ADDR.",
    )


def worker_count(text: str) -> int:
    """``--workers``: a number, or one for each core. Ends with a clear error for anything else."""
    if text == "auto":
        return os.cpu_count() or 1
    if text.isascii() and text.isdigit() and 0 < int(text) <= 256:
        return int(text)
    fail(f"--workers {text!r}: give a number from 1 to 256, or auto.", ExitCode.USAGE)


def log_to_stderr(verbose: bool) -> None:
    """One line per event; ``verbose``: with those for debugging. In colour for people at a terminal; elsewhere plain,
    whole and with the date, for what collects logs."""
    handler: logging.Handler
    if sys.stderr.isatty():
        handler = RichHandler(
            console=errors, show_path=False, rich_tracebacks=False, markup=False, log_time_format="%H:%M:%S"
        )
        form = "%(message)s"
    else:
        handler, form = logging.StreamHandler(), "%(asctime)s %(levelname)s %(message)s"
    logging.basicConfig(level=logging.WARNING, handlers=[handler], format=form)
    logging.getLogger("modelyard").setLevel(logging.DEBUG if verbose else logging.INFO)
