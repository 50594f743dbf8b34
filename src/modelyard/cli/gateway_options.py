"""Options that ``up`` and ``gateway`` share."""

from __future__ import annotations

from typing import Annotated

import typer

BindOption = Annotated[str, typer.Option("--bind", help="Local address of the first Gateway.")]
PortOption = Annotated[
    list[str] | None,
    typer.Option("--port", help="GATEWAYPORT=LOCALPORT (repeatable); by default 80 is 8080 and 443 is 8443."),
]
AdminOption = Annotated[str, typer.Option("--admin", help="ADDR:PORT of the admin API; port 0 takes a free one.")]
ClassOption = Annotated[
    str | None, typer.Option("--gateway-class", help="Serve only Gateways of this class (default: all).")
]
WorkersOption = Annotated[
    str, typer.Option("--workers", help="Data-plane processes: a number, or auto (one per core).")
]
DrainOption = Annotated[
    float, typer.Option("--drain", help="Seconds that open requests may go on after a stop.", min=0)
]
AccessLogOption = Annotated[
    str,
    typer.Option(
        "--access-log",
        help="File for the access log, - for standard output (default <home>/logs/access.log).",
    ),
]
BodyOption = Annotated[int, typer.Option("--max-body", help="Largest request body in MiB.", min=1, max=4096)]
AdapterWaitOption = Annotated[
    float,
    typer.Option(
        "--adapter-wait", help="Seconds that a request may wait for a LoRA adapter that is being loaded.", min=0
    ),
]
SilenceOption = Annotated[
    float,
    typer.Option(
        "--silence",
        help="Seconds that Envoy waits for a picker or router that says nothing (with up and gateway: --edge envoy).",
        min=0.1,
    ),
]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")]
EndpointHeaderOption = Annotated[
    bool,
    typer.Option(
        "--endpoint-header/--no-endpoint-header",
        help="Tell clients which endpoint answered (x-modelyard-endpoint).",
    ),
]
