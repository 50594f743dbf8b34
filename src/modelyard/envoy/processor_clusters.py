"""Clusters of the endpoint picker and the body-based router.

A hung process is found three ways: a message time-out bounds every request that asks it, a health check sends later
requests on at once, and PINGs cut a connection to it, which frees the requests that wait in its queue.
"""

from __future__ import annotations

from modelyard.envoy.api import NOTE, Config, extension, policy, seconds, socket_address, typed
from modelyard.envoy.pools import BUFFER, LIMITS, NO_LIMIT
from modelyard.envoy.settings import Processor

_HTTP = "extensions.upstreams.http.v3.HttpProtocolOptions"
_PING_EVERY, _PING_WAIT = 0.45, 0.65
_CHECK_WAIT = 0.55
"""As parts of the time for which a processor may be silent."""
_CHECK_EVERY, _CHECK_AGAIN = "0.5s", "0.25s"
_WINDOW = 16 * 1024 * 1024


def processor_cluster(name: str, processor: Processor, what: str, silence: float) -> Config:
    """The cluster of one ext_proc server. ``silence``: seconds without a word after which it is taken to hang."""
    config: Config = {
        NOTE: what,
        "name": name,
        "type": "STATIC" if all(_is_ip(host) for host, _ in processor.addresses) else "STRICT_DNS",
        "connect_timeout": "0.25s",
        "per_connection_buffer_limit_bytes": BUFFER,
        "load_balancing_policy": policy(
            "envoy.load_balancing_policies.round_robin",
            typed("extensions.load_balancing_policies.round_robin.v3.RoundRobin"),
        ),
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "typed_extension_protocol_options": {f"envoy.{_HTTP}": _http2(processor, silence)},
        "health_checks": [_health_check(silence)],
        "circuit_breakers": {"thresholds": [dict.fromkeys((*LIMITS, "max_retries"), NO_LIMIT)]},
        "load_assignment": _assignment(name, processor),
    }
    if processor.ca_file or processor.unchecked_tls:
        config["transport_socket"] = _tls(processor)
    return config


def _http2(processor: Processor, silence: float) -> Config:
    options: Config = {
        "initial_stream_window_size": _WINDOW // 16,
        "initial_connection_window_size": _WINDOW,
        "max_concurrent_streams": 4096,
    }
    if processor.answers_pings:
        options["connection_keepalive"] = {
            "interval": seconds(_PING_EVERY * silence),
            "timeout": seconds(_PING_WAIT * silence),
        }
    return typed(_HTTP, explicit_http_config={"http2_protocol_options": options})


def _health_check(silence: float) -> Config:
    return {
        NOTE: "gRPC health service; the first failure sends requests on without asking (or answers 503).",
        "timeout": seconds(_CHECK_WAIT * silence),
        "interval": _CHECK_EVERY,
        "no_traffic_interval": _CHECK_EVERY,
        "no_traffic_healthy_interval": _CHECK_EVERY,
        "unhealthy_interval": _CHECK_AGAIN,
        "unhealthy_threshold": 1,
        "healthy_threshold": 1,
        "grpc_health_check": {},
    }


def _assignment(name: str, processor: Processor) -> Config:
    listed = [
        {"priority": order, "lb_endpoints": [{"endpoint": _endpoint(host, port, processor.health_port)}]}
        for order, (host, port) in enumerate(processor.addresses)
    ]
    return {"cluster_name": name, "endpoints": listed}


def _endpoint(host: str, port: int, health_port: int) -> Config:
    other = health_port not in (0, port)
    return {
        "address": socket_address(host, port),
        **({"health_check_config": {"port_value": health_port}} if other else {}),
    }


def _tls(processor: Processor) -> Config:
    name = processor.server_name or processor.addresses[0][0]
    context: Config = {"alpn_protocols": ["h2"]}
    if processor.ca_file:
        context["validation_context"] = _validation(processor.ca_file, name)
    config = typed("extensions.transport_sockets.tls.v3.UpstreamTlsContext", common_tls_context=context)
    if not _is_ip(name):
        config["sni"] = name
    return extension("envoy.transport_sockets.tls", config)


def _validation(ca_file: str, name: str) -> Config:
    kind = "IP_ADDRESS" if _is_ip(name) else "DNS"
    return {
        "trusted_ca": {"filename": ca_file},
        "match_typed_subject_alt_names": [{"san_type": kind, "matcher": {"exact": name}}],
    }


def _is_ip(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
