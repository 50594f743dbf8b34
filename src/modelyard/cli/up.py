"""``modelyard up``: gateway and model servers on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from modelyard.cli.edge_option import Edge, EdgeOption
from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.foreground import run_in_foreground
from modelyard.cli.gateway_options import (
    AccessLogOption,
    AdapterWaitOption,
    AdminOption,
    BindOption,
    BodyOption,
    ClassOption,
    DrainOption,
    EndpointHeaderOption,
    PortOption,
    SilenceOption,
    VerboseOption,
    WorkersOption,
)
from modelyard.cli.manifests_option import ManifestsOption
from modelyard.cli.output import Output, OutputOption, fail
from modelyard.cli.running_yard import HomeOption
from modelyard.cli.source_option import SourceOption, given_sources
from modelyard.local.replica_plan import EngineMode


def up(
    urls: Annotated[
        list[str] | None,
        typer.Argument(metavar="[URL]...", help="Model servers that run already, as http://HOST:PORT."),
    ] = None,
    filename: ManifestsOption = None,
    engine: Annotated[
        EngineMode,
        typer.Option("--engine", help="What stands behind a vLLM container: auto, vllm, or sim (simulated)."),
    ] = EngineMode.AUTO,
    edge: EdgeOption = Edge.MODELYARD,
    silence: SilenceOption = 0.9,
    source: SourceOption = None,
    bind: BindOption = "127.0.0.1",
    port: PortOption = None,
    admin: AdminOption = "127.0.0.1:9901",
    gateway_class: ClassOption = None,
    workers: WorkersOption = "1",
    drain: DrainOption = 30.0,
    access_log: AccessLogOption = "",
    max_body: BodyOption = 64,
    adapter_wait: AdapterWaitOption = 30.0,
    endpoint_header: EndpointHeaderOption = True,
    home: HomeOption = None,
    verbose: VerboseOption = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Run the model servers that the manifests describe, with the gateway in front of them. Ctrl-C stops everything.

    Examples:

      modelyard up -f examples/quickstart/

      modelyard up -f manifests/ --engine sim

      modelyard up -f manifests/ --source google/gemma-3-1b-it=demo://demo-llama

      modelyard up -f manifests/ --edge envoy

      modelyard up http://localhost:8000 http://localhost:8001
    """
    if not filename and not urls:
        fail("say what to run: -f FILE_OR_FOLDER, or the URLs of model servers.", ExitCode.USAGE)
    run_in_foreground(
        paths=filename or (),
        urls=urls or (),
        home=home,
        run_local=bool(filename),
        engine=engine,
        edge=edge,
        silence=silence,
        sources=given_sources(source),
        bind=bind,
        ports=port or (),
        admin=admin,
        gateway_class=gateway_class,
        workers=workers,
        drain=drain,
        access_log=access_log,
        max_body=max_body,
        adapter_wait=adapter_wait,
        endpoint_header=endpoint_header,
        verbose=verbose,
        output=output,
    )
