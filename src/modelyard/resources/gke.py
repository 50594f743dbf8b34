"""HealthCheckPolicy (``networking.gke.io/v1``)."""

from __future__ import annotations

from typing import Literal

from modelyard.resources.bases import Strict, StrictResource

ProxyHeader = Literal["NONE", "PROXY_V1"]


class _PortChoice(Strict, frozen=True, kw_only=True):
    """Which port is checked. With none of the fields: the port that serves."""

    port_specification: Literal["USE_FIXED_PORT", "USE_NAMED_PORT", "USE_SERVING_PORT"] | None = None
    port: int | None = None
    port_name: str | None = None


class TCPHealthCheck(_PortChoice, frozen=True, kw_only=True):
    """Healthy when a connection opens and, if asked, the answer starts as expected."""

    request: str | None = None
    response: str | None = None
    proxy_header: ProxyHeader = "NONE"


class HTTPHealthCheck(_PortChoice, frozen=True, kw_only=True):
    """Healthy on status 200 (HTTP, HTTPS or HTTP/2, by the policy's type)."""

    host: str | None = None
    request_path: str = "/"
    response: str | None = None
    """Text that must be in the first 1024 bytes of the body."""
    proxy_header: ProxyHeader = "NONE"


class GRPCHealthCheck(_PortChoice, frozen=True, kw_only=True):
    """Healthy when the gRPC health service says SERVING."""

    grpc_service_name: str = ""


class HealthCheck(Strict, frozen=True, kw_only=True):
    """``type`` and the matching field."""

    type: Literal["TCP", "HTTP", "HTTPS", "HTTP2", "GRPC"] = "HTTP"
    tcp_health_check: TCPHealthCheck | None = None
    http_health_check: HTTPHealthCheck | None = None
    https_health_check: HTTPHealthCheck | None = None
    http2_health_check: HTTPHealthCheck | None = None
    grpc_health_check: GRPCHealthCheck | None = None


class LogConfig(Strict, frozen=True, kw_only=True):
    """Logging of checks; accepted, not used here."""

    enabled: bool = False


class HealthCheckPolicyConfig(Strict, frozen=True, kw_only=True):
    """Periods in seconds, thresholds in consecutive results."""

    check_interval_sec: int = 5
    timeout_sec: int = 5
    healthy_threshold: int = 2
    unhealthy_threshold: int = 2
    config: HealthCheck | None = None
    """None: HTTP ``/`` on the serving port."""
    log_config: LogConfig | None = None


class PolicyTargetReference(Strict, frozen=True, kw_only=True):
    """The Service (group empty) or InferencePool that is checked."""

    group: str
    kind: str
    name: str
    namespace: str | None = None


class HealthCheckPolicySpec(Strict, frozen=True, kw_only=True):
    """What is checked, and how."""

    target_ref: PolicyTargetReference
    default: HealthCheckPolicyConfig = HealthCheckPolicyConfig()


class HealthCheckPolicy(StrictResource, frozen=True, kw_only=True):
    """How the endpoints of a backend are checked."""

    spec: HealthCheckPolicySpec
