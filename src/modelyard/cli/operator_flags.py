"""Flags of the original endpoint picker and body-based router that mean nothing here, and what is said of each."""

from __future__ import annotations

from collections.abc import Mapping

from modelyard.cli.go_flags import Foreign

ENDPOINT, NAMESPACE = "x-gateway-destination-endpoint", "envoy.lb"
"""Where the endpoint picker protocol has a pick."""
_NO_TRACES = Foreign(switch=True, told="has no effect: no traces are sent")
_QUIET = Foreign()
_QUIET_SWITCH = Foreign(switch=True)

COMMON: Mapping[str, Foreign] = {
    "tracing": _NO_TRACES,
    "enable-pprof": _QUIET_SWITCH,
    "enable-cert-reload": _QUIET_SWITCH,
    "metrics-endpoint-auth": Foreign(
        switch=True, told="the metrics port asks for no token: let only the monitoring system reach it"
    ),
    "zap-encoder": Foreign(told="has no effect: the log is plain lines of text", usual="console"),
    "zap-log-level": _QUIET,
    "zap-stacktrace-level": _QUIET,
    "zap-time-encoding": _QUIET,
    "log-level": _QUIET,
    "zap-devel": _QUIET_SWITCH,
    "kubeconfig": Foreign(told="has no effect yet: resources come from manifests and addresses"),
    "tls-cipher-suites": Foreign(told="has no effect: OpenSSL's defaults are served"),
    "grpc-max-send-msg-size": _QUIET,
}
PICKER: Mapping[str, Foreign] = {
    **COMMON,
    "health-checking": _QUIET_SWITCH,
    "enable-grpc-stream-metrics": Foreign(
        switch=True, told="has no effect: modelyard_open_exchanges and modelyard_requests_total count streams"
    ),
    "allow-experimental-plugins": _QUIET_SWITCH,
    "pool-group": _QUIET,
    "destination-endpoint-hint-key": Foreign(
        told=f"has no effect: picks are named {ENDPOINT}, in header and metadata", usual=ENDPOINT
    ),
    "destination-endpoint-hint-metadata-namespace": Foreign(
        told=f"has no effect: the metadata of picks is in namespace {NAMESPACE}", usual=NAMESPACE
    ),
    "model-server-metrics-https-insecure-skip-verify": Foreign(
        switch=True, told="has no effect: certificates of model servers' metrics are not verified"
    ),
    "refresh-prometheus-metrics-interval": _QUIET,
    "metrics-client-ca-file": Foreign(told="has no effect: the metrics port is plain HTTP"),
    "metrics-cert-dir": Foreign(told="has no effect: the metrics port is plain HTTP"),
    "ha-enable-leader-election": Foreign(
        switch=True, told="has no effect: replicas serve side by side, each by what it knows itself; there is no leader"
    ),
}
ROUTER: Mapping[str, Foreign] = COMMON
