"""Active health checks of endpoints that nobody picks: Envoy carries out what the manifests ask for.

Where a picker is asked, it does the checks, and knows engines besides; these are for Services of an Envoy of one's own.
"""

from __future__ import annotations

from modelyard.envoy.api import NOTE, Config, seconds
from modelyard.fleet.health import HealthCheck


def health_check(check: HealthCheck) -> Config:
    """One check as Envoy has it. Over TLS a connection has to do, since the cluster itself is plain."""
    return {
        NOTE: "As the Service's HealthCheckPolicy asks for, or else its Pods' readiness probe.",
        "timeout": seconds(check.timeout),
        "interval": seconds(check.period),
        "unhealthy_interval": seconds(min(check.retry_period, check.period)),
        "no_traffic_interval": seconds(check.period),
        "healthy_threshold": check.healthy_threshold,
        "unhealthy_threshold": check.unhealthy_threshold,
        **({"http_health_check": _http(check)} if check.kind == "http" and not check.tls else {"tcp_health_check": {}}),
    }


def _http(check: HealthCheck) -> Config:
    config: Config = {"path": check.path, "expected_statuses": [{"start": check.ok_from, "end": check.ok_to + 1}]}
    if check.host:
        config["host"] = check.host
    if check.headers:
        config["request_headers_to_add"] = [
            {"header": {"key": name, "value": value.replace("%", "%%")}} for name, value in check.headers
        ]
    if check.expect:
        config["receive"] = [{"text": check.expect.hex()}]
    return config
