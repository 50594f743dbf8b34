"""``modelyard gateway``: the gateway alone, in front of servers that run elsewhere."""

from __future__ import annotations

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
from modelyard.local.replica_plan import EngineMode


def gateway(
    filename: ManifestsOption = None,
    edge: EdgeOption = Edge.MODELYARD,
    silence: SilenceOption = 0.9,
    bind: BindOption = "127.0.0.1",
    port: PortOption = None,
    admin: AdminOption = "127.0.0.1:9901",
    gateway_class: ClassOption = None,
    workers: WorkersOption = "1",
    drain: DrainOption = 30.0,
    access_log: AccessLogOption = "",
    max_body: BodyOption = 64,
    adapter_wait: AdapterWaitOption = 30.0,
    endpoint_header: EndpointHeaderOption = False,
    home: HomeOption = None,
    verbose: VerboseOption = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Serve the Gateways of the manifests; endpoints come from Pods, EndpointSlices and Services in them.

    Examples:

      modelyard gateway -f manifests/

      modelyard gateway -f gateway.yaml --port 80=8888 --admin 127.0.0.1:0 --workers auto
    """
    if not filename:
        fail("say which manifests to serve: -f FILE_OR_FOLDER.", ExitCode.USAGE)
    run_in_foreground(
        paths=filename,
        urls=(),
        home=home,
        run_local=False,
        engine=EngineMode.AUTO,
        edge=edge,
        silence=silence,
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
