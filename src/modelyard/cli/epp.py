"""``modelyard epp``: the endpoint picker of InferencePools, for Envoy and gateways made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from modelyard.cli.byte_sizes import byte_size
from modelyard.cli.epp_serving import Asked, FailureMode, serving_of
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
from modelyard.cli.gateway_options import AdapterWaitOption, BodyOption
from modelyard.cli.go_flags import go_command
from modelyard.cli.manifests_option import ManifestsOption
from modelyard.cli.model_server_metrics import (
    CacheMetricOption,
    GivenNames,
    LoraMetricOption,
    MetricsPathOption,
    MetricsPortOption,
    MetricsSchemeOption,
    QueuedMetricOption,
    RunningMetricOption,
    StalenessOption,
    UsageMetricOption,
    metrics_place,
    staleness,
)
from modelyard.cli.operator_flags import PICKER
from modelyard.cli.output import Output, OutputOption, fail
from modelyard.cli.port_mapping import admin_address, bind_address
from modelyard.cli.running_yard import HomeOption
from modelyard.control.ext_proc.settings import ExtProcSettings, Role
from modelyard.worker.protocol import PickerSettings

_POOLS, _PICKING = "Pools and endpoints", "Picking"
_LEAST_INTERVAL = 0.05
MOST_IN_PICK = 16
"""As many as ``maxNumOfEndpoints`` may be, so that the configuration decides unless told otherwise."""


def _option(name: str, help: str, panel: str, **more: Any) -> Any:
    return typer.Option(name, help=help, rich_help_panel=panel, **more)


def epp(
    filename: ManifestsOption = None,
    pool_name: Annotated[
        str, _option("--pool-name", "Serve this InferencePool only. Default: every pool of the manifests.", _POOLS)
    ] = "",
    pool_namespace: Annotated[
        str, _option("--pool-namespace", "Namespace of --pool-name.", _POOLS, envvar="NAMESPACE")
    ] = "default",
    endpoint: Annotated[
        list[str] | None,
        _option(
            "--endpoint",
            "IP:PORT[,IP:PORT...] of model servers, beside those of the manifests (repeatable)."
            " POOL=IP:PORT, or NAMESPACE/POOL=IP:PORT, says of which pool. Default: --pool-name, or the only one.",
            _POOLS,
        ),
    ] = None,
    endpoint_selector: Annotated[
        str, _option("--endpoint-selector", "Labels KEY=VALUE[,...] of the Pods, in place of a pool's.", _POOLS)
    ] = "",
    endpoint_target_ports: Annotated[
        str, _option("--endpoint-target-ports", "Ports of those Pods, 1 to 8 numbers with commas.", _POOLS)
    ] = "",
    failure_mode: Annotated[
        FailureMode,
        _option("--failure-mode", "Of a pool that no manifest has: FailClose or FailOpen.", _POOLS),
    ] = FailureMode.CLOSE,
    config_file: Annotated[
        Path | None, _option("--config-file", "EndpointPickerConfig of every pool, watched.", _PICKING)
    ] = None,
    config_text: Annotated[str, _option("--config-text", "The same as text, in place of a file.", _PICKING)] = "",
    endpoints_in_pick: Annotated[
        int,
        _option(
            "--endpoints-in-pick",
            "Most endpoints named in a pick: the best one and fallbacks; a picker's maxNumOfEndpoints (3) counts too.",
            _PICKING,
            min=1,
            max=MOST_IN_PICK,
        ),
    ] = MOST_IN_PICK,
    subset_filter: Annotated[
        bool,
        _option(
            "--endpoint-subset-filter/--disable-endpoint-subset-filter",
            "Pick within the subset that the proxy names, or ignore it.",
            _PICKING,
        ),
    ] = True,
    emit_endpoint_scores: Annotated[
        bool,
        _option(
            "--emit-endpoint-scores",
            "Name the score of each candidate of a pick in dynamic metadata, x-gateway-destination-endpoint-scores.",
            _PICKING,
        ),
    ] = False,
    refresh_metrics_interval: Annotated[
        str,
        _option(
            "--refresh-metrics-interval",
            "Between two readings of an endpoint's metrics, as 200ms; a bare number is seconds.",
            _PICKING,
        ),
    ] = "200ms",
    metrics_staleness_threshold: StalenessOption = "",
    model_server_metrics_port: MetricsPortOption = 0,
    model_server_metrics_path: MetricsPathOption = "",
    model_server_metrics_scheme: MetricsSchemeOption = "",
    total_queued_requests_metric: QueuedMetricOption = "",
    total_running_requests_metric: RunningMetricOption = "",
    kv_cache_usage_percentage_metric: UsageMetricOption = "",
    lora_info_metric: LoraMetricOption = "",
    cache_info_metric: CacheMetricOption = "",
    adapter_wait: AdapterWaitOption = 30.0,
    max_body: BodyOption = 64,
    grpc_port: Annotated[int, _option("--grpc-port", "ext_proc; 0: any free one.", PORTS, min=0, max=65535)] = 9002,
    grpc_health_port: Annotated[
        int, _option("--grpc-health-port", "gRPC health checks; 0: any free one.", PORTS, min=0, max=65535)
    ] = 9003,
    metrics_port: Annotated[
        int, _option("--metrics-port", "Metrics over HTTP; 0: any free one.", PORTS, min=0, max=65535)
    ] = 9090,
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
    """Pick endpoints for a gateway that speaks Envoy's ext_proc: the Endpoint Picker Protocol 1.0.

    One process serves every InferencePool of the manifests; the proxy's route says for which pool it asks. Flags are
    those of the original endpoint picker, in either spelling (--grpc-port, -grpcPort).

    Examples:

      modelyard epp -f manifests/

      modelyard epp --pool-name vllm --endpoint 127.0.0.1:8000,127.0.0.1:8001

      modelyard epp -f manifests/ --endpoint llama=10.0.0.5:8000 --endpoint alpaca=10.0.0.6:8000

      modelyard epp -f manifests/ --config-file picker.yaml --cert-path /etc/tls --workers auto

      modelyard epp -poolName my-pool -poolNamespace default -f pods.yaml -grpcPort 9002 -v 4
    """
    host = bind_address(bind) if bind else default_host()
    ports = Ports(grpc_port, grpc_health_port, metrics_port).found(host)
    interval = seconds("--refresh-metrics-interval", refresh_metrics_interval)
    if interval < _LEAST_INTERVAL:
        fail("--refresh-metrics-interval: the shortest is 50ms.", ExitCode.USAGE)
    names = GivenNames(
        queued=total_queued_requests_metric,
        running=total_running_requests_metric,
        kv_usage=kv_cache_usage_percentage_metric,
        lora=lora_info_metric,
        cache=cache_info_metric,
    )
    serving = serving_of(
        Asked(
            files=tuple(filename or ()),
            pool_name=pool_name,
            pool_namespace=pool_namespace,
            endpoints=tuple(endpoint or ()),
            selector=endpoint_selector,
            target_ports=endpoint_target_ports,
            failure_mode=failure_mode,
            config_file=config_file,
            config_text=config_text,
            port=ports.grpc,
        )
    )
    settings = ExtProcSettings(
        role=Role.PICKER,
        paths=serving.paths,
        piped=serving.piped,
        config_source=serving.config_source,
        pool=serving.pool,
        added_pools=serving.added_pools,
        host=host,
        grpc_port=ports.grpc,
        health_port=ports.health,
        metrics_port=ports.metrics,
        admin=admin_address(admin) if admin else None,
        tls=secure_serving,
        tls_files=tls_files(secure_serving, cert_path),
        tls_minimum=tls_minimum(tls_min_version),
        max_message=byte_size("--grpc-max-recv-msg-size", grpc_max_recv_msg_size),
        socket_path=socket_path(Role.PICKER, host, ports.grpc, home),
        workers=worker_count(workers),
        drain_seconds=seconds("--drain-timeout", drain_timeout),
        drain_delay=given_drain_delay(drain_delay),
        refresh_seconds=interval,
        metrics_place=metrics_place(model_server_metrics_port, model_server_metrics_path, model_server_metrics_scheme),
        metric_names=names.read(),
        stale_seconds=staleness("--metrics-staleness-threshold", metrics_staleness_threshold),
        body_limit=max_body * 1024 * 1024,
        adapter_wait=adapter_wait,
        access_log=access_log,
        picker=PickerSettings(
            only_pool="/".join(serving.pool) if serving.pool is not None else "",
            most_endpoints=endpoints_in_pick,
            honours_subset=subset_filter,
            emits_scores=emit_endpoint_scores,
        ),
    )
    run_in_foreground(settings, serving.sources(settings), v, output)


def register(app: typer.Typer) -> None:
    """Adds ``epp`` to the command line, with Go's ways of writing flags."""
    app.command(cls=go_command(PICKER))(epp)
