"""Sockets: one Envoy listener per address, one filter chain per certificate."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from modelyard.envoy.api import NOTE, Config, extension, socket_address, typed
from modelyard.envoy.connection_manager import connection_manager
from modelyard.envoy.pools import BUFFER, watched_file
from modelyard.envoy.settings import Address, EdgeSettings
from modelyard.routing.listeners import Certificate, Listener

_TLS = "extensions.transport_sockets.tls.v3"
_OVER_TCP = {
    "alpn_protocols": ["h2", "http/1.1"],
    "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
}
_SOCKET, _TCP = 1, 6
_CLIENT_SOCKETS = (
    (_SOCKET, 9, 1, "SO_KEEPALIVE"),
    (_TCP, 4, 30, "TCP_KEEPIDLE: seconds of silence after which a client is asked whether it is there"),
    (_TCP, 5, 10, "TCP_KEEPINTVL"),
    (_TCP, 6, 6, "TCP_KEEPCNT"),
    (_TCP, 18, 300_000, "TCP_USER_TIMEOUT: milliseconds for which a client may take nothing that waits for it"),
)
"""Level, name, value: Linux's numbers, which name other options elsewhere. A client that is gone during a long silence
is noticed after 90 s."""


@dataclass(frozen=True, slots=True)
class ListenerChain:
    """What one socket does with connections for one listener of the Gateway, or for all of them (no TLS)."""

    name: str
    listener: Listener | None
    """Whose certificates are offered; None: no TLS."""
    table: Config
    """Its route configuration."""
    asks_router: bool
    picks: bool


def listener(
    address: Address, chains: Sequence[ListenerChain], settings: EdgeSettings, body_headers: Collection[str]
) -> Config:
    """One socket. Over TLS the client's SNI chooses the chain."""
    tls = any(chain.listener is not None for chain in chains)
    config: Config = {
        NOTE: f"Gateway {address.group}",
        "name": f"{address.group}@{address.host}:{address.port}",
        "address": socket_address(address.host, address.port),
        "per_connection_buffer_limit_bytes": BUFFER,
        **(_client_sockets() if settings.linux_sockets else {}),
        "filter_chains": [_filter_chain(chain, settings, body_headers) for chain in chains],
    }
    if tls:
        inspector = typed("extensions.filters.listener.tls_inspector.v3.TlsInspector")
        config["listener_filters"] = [extension("envoy.filters.listener.tls_inspector", inspector)]
    return config


def _client_sockets() -> Config:
    return {"socket_options": [_socket_option(*option) for option in _CLIENT_SOCKETS]}


def _socket_option(level: int, name: int, value: int, description: str) -> Config:
    return {"description": description, "level": level, "name": name, "int_value": value, "state": "STATE_LISTENING"}


def quic_listener(
    address: Address, chains: Sequence[ListenerChain], settings: EdgeSettings, body_headers: Collection[str]
) -> Config:
    """The same for HTTP/3: UDP on the same port."""
    place = socket_address(address.host, address.port)
    place["socket_address"]["protocol"] = "UDP"
    return {
        NOTE: f"Gateway {address.group}, HTTP/3",
        "name": f"{address.group}@{address.host}:{address.port}/udp",
        "address": place,
        "udp_listener_config": {"quic_options": {}, "downstream_socket_config": {"prefer_gro": True}},
        "filter_chains": [_filter_chain(chain, settings, body_headers, quic=True) for chain in chains],
    }


def alternative_service(port: int) -> Config:
    """Entry of ``response_headers_to_add`` that tells clients of HTTP/3 on the same port (RFC 7838)."""
    return {
        "header": {"key": "alt-svc", "value": f'h3=":{port}"; ma=86400'},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }


def certificate_files(certificate: Certificate, folder: str) -> tuple[str, str]:
    """Where Envoy reads the chain and the key of a certificate. The names change with the content: Envoy reads a file
    again when the listener that names it changes."""
    digest = hashlib.blake2b(certificate.cert_pem + certificate.key_pem, digest_size=6).hexdigest()
    name = f"{certificate.secret.replace('/', '_')}-{digest}"
    return f"{folder}/{name}.crt", f"{folder}/{name}.key"


def _filter_chain(
    chain: ListenerChain, settings: EdgeSettings, body_headers: Collection[str], *, quic: bool = False
) -> Config:
    manager = connection_manager(
        chain.name,
        _routes(chain, settings),
        settings,
        body_headers=body_headers,
        asks_router=chain.asks_router,
        picks=chain.picks,
        http3=quic,
    )
    if chain.listener is None:
        return {"filters": [manager]}
    found: Config = {"name": chain.name, "filters": [manager], "transport_socket": _tls(chain.listener, settings, quic)}
    if chain.listener.hostname:
        found["filter_chain_match"] = {"server_names": [chain.listener.hostname]}
    return found


def _routes(chain: ListenerChain, settings: EdgeSettings) -> Config:
    if not settings.watched_folder:
        return {"route_config": chain.table}
    source = watched_file(settings.watched_folder, route_file(chain.name))
    return {"rds": {"route_config_name": chain.name, "config_source": source}}


def route_file(name: str) -> str:
    """The watched file of a route table."""
    return f"routes_{name.replace('/', '_').replace(':', '_')}.json"


def _tls(of: Listener, settings: EdgeSettings, quic: bool) -> Config:
    files = [certificate_files(item, settings.certificate_folder) for item in of.certificates]
    context = {
        **({} if quic else dict(_OVER_TCP)),
        "tls_certificates": [
            {"certificate_chain": {"filename": chain}, "private_key": {"filename": key}} for chain, key in files
        ],
    }
    if quic:
        inner = {"common_tls_context": context}
        config = typed("extensions.transport_sockets.quic.v3.QuicDownstreamTransport", downstream_tls_context=inner)
        return extension("envoy.transport_sockets.quic", config)
    config = typed(f"{_TLS}.DownstreamTlsContext", common_tls_context=context)
    return extension("envoy.transport_sockets.tls", config)
