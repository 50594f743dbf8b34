"""``modelyard envoy-config``: the configuration of a plain Envoy, from the same manifests."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from modelyard.cli.backend_addresses import addresses_by_backend, spelling
from modelyard.cli.envoy_addresses import places_of, refuse_clashes, remark_unused_ports
from modelyard.cli.envoy_options import CONTAINER, heap_limit, processor
from modelyard.cli.envoy_remarks import fail_without_listeners, remark_edge, routed_backends
from modelyard.cli.envoy_report import Written, report_certificates, report_written
from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.gateway_options import BindOption, BodyOption, ClassOption, PortOption, SilenceOption
from modelyard.cli.manifests_option import ManifestsOption, read_or_fail, split_pipe
from modelyard.cli.output import fail, warn
from modelyard.cli.port_mapping import admin_address, bind_address, port_mapping
from modelyard.control.addresses import Binding, NoAddress
from modelyard.control.envoy_configuration import (
    EndpointTable,
    edge_of,
    replace_file,
    with_addresses,
    write_certificates,
    write_config,
    written_endpoints,
)
from modelyard.control.planned_bindings import planned_bindings
from modelyard.envoy.bootstrap import static_bootstrap, watched_bootstrap, watched_files
from modelyard.envoy.edge import Edge
from modelyard.envoy.settings import PICKER_PORT, ROUTER_PORT, EdgeSettings
from modelyard.envoy.text import commented_yaml
from modelyard.fleet.discovery import backends_of
from modelyard.routing.listeners import Listener
from modelyard.snapshot import build_snapshot

_HEAD = (
    "Envoy's configuration for Modelyard's endpoint picker and body-based router, by modelyard envoy-config.",
    "Made for Envoy 1.40. Why it is as it is: docs/envoy.md.",
)


def envoy_config(
    filename: ManifestsOption = None,
    output: Annotated[Path | None, typer.Option("--output", help="File to write; by default it is printed.")] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            help="Write a folder instead: bootstrap.yaml, and beside it listeners, routes, clusters and endpoints as"
            " files that Envoy watches, so that they can change while it runs.",
        ),
    ] = None,
    picker: Annotated[
        str,
        typer.Option("--picker", help="HOST:PORT of the endpoint picker; further ones, by commas, stand in for it."),
    ] = f"127.0.0.1:{PICKER_PORT}",
    picker_health_port: Annotated[
        int, typer.Option("--picker-health-port", help="Port of the picker's health service, if it has one of its own.")
    ] = 0,
    picker_ca: Annotated[
        Path | None, typer.Option("--picker-ca", help="CA file for the picker's certificate; without it: no TLS.")
    ] = None,
    router: Annotated[
        str,
        typer.Option(
            "--router", help="HOST:PORT[,HOST:PORT…] of the body-based router; used where routes read the body."
        ),
    ] = f"127.0.0.1:{ROUTER_PORT}",
    router_ca: Annotated[
        Path | None, typer.Option("--router-ca", help="CA file for the router's certificate; without it: no TLS.")
    ] = None,
    unchecked_tls: Annotated[
        bool,
        typer.Option(
            "--unchecked-tls", help="TLS to picker and router without a look at their certificates (self-signed ones)."
        ),
    ] = False,
    pings: Annotated[
        bool,
        typer.Option(
            "--pings/--no-pings",
            help="Find hung connections by HTTP/2 PINGs. Off for pickers made with a gRPC library, which forbid them.",
        ),
    ] = True,
    endpoint: Annotated[
        list[str] | None,
        typer.Option(
            "--endpoint",
            help="NAME=IP:PORT[,IP:PORT...], or NAMESPACE/NAME=...: addresses of an InferencePool, or of a Service"
            " (NAME:PORT), beside those of the manifests (repeatable).",
        ),
    ] = None,
    count_tokens: Annotated[
        bool,
        typer.Option(
            "--count-tokens/--no-count-tokens",
            help="Show every answer's body to the picker; it costs a message per piece of an answer.",
        ),
    ] = False,
    silence: SilenceOption = 0.9,
    answer_heads: Annotated[
        bool,
        typer.Option(
            "--answer-heads/--no-answer-heads",
            help="Tell the picker of each answer's status and endpoint; off saves a message there and back.",
        ),
    ] = True,
    http3: Annotated[
        bool, typer.Option("--http3/--no-http3", help="HTTPS listeners take HTTP/3 as well (UDP).")
    ] = False,
    linux: Annotated[
        bool,
        typer.Option(
            "--linux/--no-linux",
            help="Write for an Envoy on Linux, with socket options that find clients that are gone. Off for another"
            " system such as macOS, where their numbers mean something else.",
        ),
    ] = True,
    bind: BindOption = "127.0.0.1",
    port: PortOption = None,
    admin: Annotated[
        str, typer.Option("--admin", help="ADDR:PORT of Envoy's admin interface; none: no interface.")
    ] = "none",
    certificates: Annotated[
        Path | None,
        typer.Option(
            "--certificates",
            help="Folder for the key pairs of HTTPS listeners. Default: certificates, beside --output or in --folder;"
            " to be given where it is printed.",
        ),
    ] = None,
    access_log: Annotated[
        str, typer.Option("--access-log", help="File for the access log; none: no log.")
    ] = "/dev/stdout",
    max_body: BodyOption = 64,
    max_heap: Annotated[
        str,
        typer.Option(
            "--max-heap",
            help="Envoy's heap in MiB, near which it cuts the largest streams and refuses requests with 503;"
            " container: by its container's memory limit; none: no bound.",
        ),
    ] = "2048",
    gateway_class: ClassOption = None,
) -> None:
    """Print the bootstrap of an Envoy that serves the Gateways of the manifests and asks modelyard epp and bbr.

    What HTTPRoutes ask for and Envoy cannot do is named on standard error. Endpoints come from Pods, EndpointSlices and
    Services in the manifests, and from --endpoint.

    Examples:

      modelyard envoy-config -f manifests/ > envoy.yaml

      modelyard envoy-config -f manifests/ --endpoint llm=10.0.0.5:8000,10.0.0.6:8000 --output envoy.yaml

      modelyard envoy-config -f manifests/ --folder /etc/envoy --picker epp.default:9002 --picker-ca ca.crt
    """
    if not filename:
        fail("say which manifests: -f FILE_OR_FOLDER.", ExitCode.USAGE)
    _check_target(output, folder)
    read = read_or_fail(*split_pipe(filename))
    resources = read.resource_set
    snapshot = build_snapshot(resources, gateway_class=gateway_class)
    ports = port_mapping(port or ())
    if not snapshot.table.listeners:
        fail_without_listeners(resources, gateway_class)
    bindings = _bindings(snapshot.table.listeners, bind_address(bind), ports)
    keys = certificates or (folder or (output.parent if output else Path())) / "certificates"
    settings = EdgeSettings(
        picker=processor(
            "--picker", picker, ca=picker_ca, unchecked_tls=unchecked_tls, health_port=picker_health_port, pings=pings
        ),
        router=processor("--router", router, ca=router_ca, unchecked_tls=unchecked_tls, health_port=0, pings=pings),
        admin=None if admin == "none" else admin_address(admin),
        certificate_folder=str(keys.absolute()),
        watched_folder=str(folder.absolute()) if folder is not None else "",
        access_log="" if access_log == "none" else access_log,
        body_limit=max_body * 1024 * 1024,
        max_heap=heap_limit("--max-heap", max_heap),
        container_memory=max_heap == CONTAINER,
        silence=silence,
        sees_answers=count_tokens,
        sees_answer_heads=answer_heads,
        http3=http3,
        linux_sockets=linux,
    )
    written = written_endpoints(backends_of(resources))
    given = addresses_by_backend(endpoint or (), {*written, *routed_backends(snapshot)})
    endpoints = with_addresses(written, given)
    made = edge_of(snapshot, resources, bindings, settings, endpoints)
    picks = any(pool.picked for pool in made.pools)
    places = places_of(bindings, settings, picks=picks, asks_router=made.asks_router)
    refuse_clashes(places)
    if made.certificates and output is None and folder is None and certificates is None:
        fail(
            "the private keys of the HTTPS listeners have to be in files that Envoy reads.",
            ExitCode.USAGE,
            next_step="Say where: --certificates DIR; or give --output FILE, and they lie in certificates/ beside it.",
        )
    remark_unused_ports(ports, snapshot.table.listeners)
    remark_edge(made, snapshot, endpoints)
    try:
        report_certificates(write_certificates(made, keys.absolute()))
        config = _write(made, endpoints, output, folder)
    except OSError as problem:
        fail(f"{problem.filename or output or folder}: {problem.strerror}.")
    if config is not None:
        report_written(
            Written(
                config=config,
                manifests=filename,
                endpoints=[f"{spelling(key)}={','.join(found)}" for key, found in given.items() if not key.port],
                picker=settings.picker if picks else None,
                router=settings.router if made.asks_router else None,
                max_body=max_body,
                places=places,
            )
        )


def _check_target(output: Path | None, folder: Path | None) -> None:
    if output is None:
        return
    if folder is not None:
        fail("--output and --folder exclude each other.", ExitCode.USAGE)
    if output.is_dir():
        fail(f"--output {output}: is a folder.", ExitCode.USAGE, next_step="Name a file in it, or use --folder.")
    if not output.parent.is_dir():
        fail(
            f"--output {output}: there is no folder {output.parent}.",
            ExitCode.USAGE,
            next_step="Create it, or name another file.",
        )


def _bindings(listeners: Sequence[Listener], bind: str, ports: Mapping[int, int]) -> Sequence[Binding]:
    try:
        planned, refused = planned_bindings(listeners, bind=bind, ports=ports)
    except NoAddress as problem:
        fail(str(problem), ExitCode.USAGE)
    for gateway, fault in refused.items():
        warn(f"Gateway {'/'.join(gateway)} is left out: {fault.message}.")
    return planned


def _write(made: Edge, endpoints: EndpointTable, output: Path | None, folder: Path | None) -> Path | None:
    """What Envoy is started with; None: it was printed."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, config in watched_files(made, endpoints).items():
            write_config(folder / name, config)
        text = commented_yaml(watched_bootstrap(made.settings), _HEAD)
        replace_file(folder / "bootstrap.yaml", text.encode())
        return folder / "bootstrap.yaml"
    text = commented_yaml(static_bootstrap(made), _HEAD)
    if output is None:
        sys.stdout.write(text)
    else:
        replace_file(output, text.encode())
    return output
