"""Flags of the original endpoint picker and body-based router that mean nothing here, and what is said of each."""

from __future__ import annotations

from collections.abc import Mapping

from modelyard.cli.go_flags import Foreign

_BY_ITSELF = Foreign(told="has no effect: engines and their metrics are recognised by themselves")
_NO_TRACES = Foreign(switch=True)
_QUIET = Foreign()
_QUIET_SWITCH = Foreign(switch=True)

COMMON: Mapping[str, Foreign] = {
    "tracing": _NO_TRACES,
    "enable-pprof": _QUIET_SWITCH,
    "enable-cert-reload": _QUIET_SWITCH,
    "metrics-endpoint-auth": Foreign(
        switch=True, told="the metrics port asks for no token: let only the monitoring system reach it"
    ),
    "zap-encoder": _QUIET,
    "zap-log-level": _QUIET,
    "zap-stacktrace-level": _QUIET,
    "zap-time-encoding": _QUIET,
    "log-level": _QUIET,
    "zap-devel": _QUIET_SWITCH,
    "kubeconfig": Foreign(told="has no effect yet: resources come from manifests and addresses"),
    "tls-min-version": Foreign(told="has no effect: TLS 1.2 and later is served"),
    "tls-cipher-suites": Foreign(told="has no effect: OpenSSL's defaults are served"),
    "grpc-max-recv-msg-size": _QUIET,
    "grpc-max-send-msg-size": _QUIET,
}
PICKER: Mapping[str, Foreign] = {
    **COMMON,
    "health-checking": _QUIET_SWITCH,
    "enable-grpc-stream-metrics": _QUIET_SWITCH,
    "allow-experimental-plugins": _QUIET_SWITCH,
    "pool-group": _QUIET,
    "model-server-metrics-port": _BY_ITSELF,
    "model-server-metrics-path": _BY_ITSELF,
    "model-server-metrics-scheme": _BY_ITSELF,
    "model-server-metrics-https-insecure-skip-verify": Foreign(switch=True),
    "total-queued-requests-metric": _BY_ITSELF,
    "total-running-requests-metric": _BY_ITSELF,
    "kv-cache-usage-percentage-metric": _BY_ITSELF,
    "lora-info-metric": _BY_ITSELF,
    "cache-info-metric": _BY_ITSELF,
    "refresh-prometheus-metrics-interval": _QUIET,
    "metrics-staleness-threshold": Foreign(
        told="has no effect: set metricsStalenessThreshold of the utilization-detector in the EndpointPickerConfig"
    ),
    "metrics-client-ca-file": Foreign(told="has no effect: the metrics port is plain HTTP"),
    "metrics-cert-dir": Foreign(told="has no effect: the metrics port is plain HTTP"),
    "emit-endpoint-scores": Foreign(switch=True, told="has no effect: scores are not sent to the proxy"),
    "ha-enable-leader-election": Foreign(
        switch=True, told="has no effect: replicas serve side by side, each by what it knows itself; there is no leader"
    ),
}
ROUTER: Mapping[str, Foreign] = COMMON
