"""Rules of HealthCheckPolicy (``networking.gke.io/v1``)."""

from __future__ import annotations

import re

from modelyard.resources.errors import shown
from modelyard.resources.faults import Report
from modelyard.resources.gke import (
    GRPCHealthCheck,
    HealthCheck,
    HealthCheckPolicy,
    HTTPHealthCheck,
    TCPHealthCheck,
)
from modelyard.resources.validation import formats

_FIELD_OF_TYPE = {
    "TCP": ("tcp_health_check", "tcpHealthCheck"),
    "HTTP": ("http_health_check", "httpHealthCheck"),
    "HTTPS": ("https_health_check", "httpsHealthCheck"),
    "HTTP2": ("http2_health_check", "http2HealthCheck"),
    "GRPC": ("grpc_health_check", "grpcHealthCheck"),
}
_REQUEST_PATH = re.compile(r"/[A-Za-z0-9/\-._~%!?$&'()*+,;=:]*")


def check_health_check_policy(policy: HealthCheckPolicy, report: Report) -> None:
    """Times of 1 to 300 s, thresholds of 1 to 10, and the check of the named type."""
    target = report.at("spec", "targetRef")
    target.at("group").check(formats.group(policy.spec.target_ref.group))
    target.at("kind").check(formats.kind(policy.spec.target_ref.kind))
    target.at("name").check(formats.object_name(policy.spec.target_ref.name))
    default, place = policy.spec.default, report.at("spec", "default")
    place.at("checkIntervalSec").check(formats.in_range(default.check_interval_sec, 1, 300))
    place.at("timeoutSec").check(formats.in_range(default.timeout_sec, 1, 300))
    place.at("healthyThreshold").check(formats.in_range(default.healthy_threshold, 1, 10))
    place.at("unhealthyThreshold").check(formats.in_range(default.unhealthy_threshold, 1, 10))
    if default.timeout_sec > default.check_interval_sec:
        place.at("timeoutSec").fault(
            f"{default.timeout_sec} must not be longer than checkIntervalSec ({default.check_interval_sec})"
        )
    if default.config is not None:
        _check_config(default.config, place.at("config"))


def _check_config(config: HealthCheck, report: Report) -> None:
    for type_, (field, name) in _FIELD_OF_TYPE.items():
        check: TCPHealthCheck | HTTPHealthCheck | GRPCHealthCheck | None = getattr(config, field)
        if type_ == config.type and check is None:
            report.at(name).fault(f"is required for type {type_} and missing")
        elif type_ != config.type and check is not None:
            report.at(name).fault(f"must not be set for type {config.type}")
        elif check is not None:
            _check_port(check, report.at(name))


def _check_port(check: TCPHealthCheck | HTTPHealthCheck | GRPCHealthCheck, report: Report) -> None:
    if check.port is not None:
        report.at("port").check(formats.port(check.port))
    if check.port_specification == "USE_FIXED_PORT" and check.port is None:
        report.at("port").fault("is required for USE_FIXED_PORT and missing")
    if check.port_specification == "USE_NAMED_PORT" and check.port_name is None:
        report.at("portName").fault("is required for USE_NAMED_PORT and missing")
    if check.port_specification == "USE_SERVING_PORT" and (check.port or check.port_name):
        report.fault("USE_SERVING_PORT takes neither port nor portName")
    if isinstance(check, HTTPHealthCheck):
        _check_http(check, report)


def _check_http(check: HTTPHealthCheck, report: Report) -> None:
    if check.host:
        report.at("host").check(formats.precise_hostname(check.host))
    if check.request_path and not _REQUEST_PATH.fullmatch(check.request_path):
        report.at("requestPath").fault(f"{shown(check.request_path)} is no request path; it starts with '/'")
