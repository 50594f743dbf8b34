"""``modelyard bbr``: the body-based router, for Envoy and gateways made of it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from modelyard.cli.bbr_plugins import BadPlugin, body_plugins
from modelyard.cli.byte_sizes import byte_size
from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.ext_proc_foreground import Ports, run_in_foreground, socket_path, tls_files
from modelyard.cli.ext_proc_options import (
    PORTS,
    AccessLogOption,
    AdminOption,
    BindOption,
    CertPathOption,
    DrainDelayOption,
    DrainTimeoutOption,
    MessageSizeOption,
    SecureServingOption,
    TlsMinimumOption,
    VerbosityOption,
    WorkersOption,
    default_host,
    seconds,
    tls_minimum,
)
from modelyard.cli.ext_proc_options import drain_delay as given_drain_delay
from modelyard.cli.foreground import worker_count
from modelyard.cli.gateway_options import BodyOption
from modelyard.cli.go_flags import go_command
from modelyard.cli.manifests_option import ManifestsOption, read_or_fail, split_pipe
from modelyard.cli.operator_flags import ROUTER
from modelyard.cli.output import Output, OutputOption, fail
from modelyard.cli.port_mapping import admin_address, bind_address
from modelyard.cli.running_yard import HomeOption
from modelyard.control.ext_proc.settings import ExtProcSettings, Role
from modelyard.control.ext_proc.sources import ManifestSource
from modelyard.manifests.reading import ReadResult
from modelyard.worker.protocol import RouterSettings

_HEADERS = "Headers"


def _port(name: str, help: str) -> Any:
    return typer.Option(name, help=help, rich_help_panel=PORTS, min=0, max=65535)


def bbr(
    filename: ManifestsOption = None,
    plugin: Annotated[
        list[str] | None,
        typer.Option(
            "--plugin",
            metavar="TYPE:NAME[:JSON]",
            help="What to do with each body, in place of the plugins of values files (repeatable).",
            rich_help_panel=_HEADERS,
        ),
    ] = None,
    streaming: Annotated[
        bool,
        typer.Option(
            "--streaming/--no-streaming",
            help="Of the original; the way in which a body comes tells how it is answered.",
            rich_help_panel=_HEADERS,
        ),
    ] = True,
    max_body: BodyOption = 64,
    grpc_port: Annotated[int, _port("--grpc-port", "ext_proc; 0: any free one.")] = 9004,
    grpc_health_port: Annotated[int, _port("--grpc-health-port", "gRPC health checks; 0: any free one.")] = 9005,
    metrics_port: Annotated[int, _port("--metrics-port", "Metrics over HTTP; 0: any free one.")] = 9090,
    bind: BindOption = "",
    admin: AdminOption = "",
    secure_serving: SecureServingOption = True,
    cert_path: CertPathOption = None,
    tls_min_version: TlsMinimumOption = "VersionTLS12",
    grpc_max_recv_msg_size: MessageSizeOption = "",
    workers: WorkersOption = "1",
    drain_timeout: DrainTimeoutOption = "30s",
    drain_delay: DrainDelayOption = "",
    access_log: AccessLogOption = "",
    home: HomeOption = None,
    v: VerbosityOption = 2,
    output: OutputOption = Output.TEXT,
) -> None:
    """Set headers from the JSON body before a gateway that speaks Envoy's ext_proc chooses its route.

    By default X-Gateway-Model-Name is the model that the body names, and X-Gateway-Base-Model-Name the base model of
    its adapter, as ConfigMaps of the manifests tell. Flags are those of the original, in either spelling.

    Examples:

      modelyard bbr

      modelyard bbr -f helm-values.yaml -f adapters.yaml

      modelyard bbr --plugin 'body-field-to-header:tier:{"fieldName": "service_tier", "headerName": "X-Tier"}'
    """
    host = bind_address(bind) if bind else default_host()
    ports = Ports(grpc_port, grpc_health_port, metrics_port).found(host)
    files, piped = split_pipe(tuple(filename or ()))
    read = read_or_fail(files, piped) if filename else ReadResult()
    try:
        plugins = body_plugins(plugin or ())
    except BadPlugin as problem:
        fail(f"--plugin {problem}.", ExitCode.USAGE)
    settings = ExtProcSettings(
        role=Role.ROUTER,
        paths=files,
        piped=piped,
        plugins=plugins,
        host=host,
        grpc_port=ports.grpc,
        health_port=ports.health,
        metrics_port=ports.metrics,
        admin=admin_address(admin) if admin else None,
        tls=secure_serving,
        tls_files=tls_files(secure_serving, cert_path),
        tls_minimum=tls_minimum(tls_min_version),
        max_message=byte_size("--grpc-max-recv-msg-size", grpc_max_recv_msg_size),
        socket_path=socket_path(Role.ROUTER, host, ports.grpc, home),
        workers=worker_count(workers),
        drain_seconds=seconds("--drain-timeout", drain_timeout),
        drain_delay=given_drain_delay(drain_delay),
        body_limit=max_body * 1024 * 1024,
        access_log=access_log,
        router=RouterSettings(streaming=streaming),
    )
    sources = [ManifestSource(files, piped, read)] if files or piped else []
    run_in_foreground(settings, sources, v, output)


def register(app: typer.Typer) -> None:
    """Adds ``bbr`` to the command line, with Go's ways of writing flags."""
    app.command(cls=go_command(ROUTER))(bbr)
