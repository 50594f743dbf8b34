"""The HTTP connection manager of one listener: filters in their order, limits, time-outs, Envoy's own answers."""

from __future__ import annotations

from collections.abc import Collection

from modelyard.envoy.api import NOTE, Config, extension, typed
from modelyard.envoy.client_headers import remove_forged, remove_forged_trailers
from modelyard.envoy.external_processing import UPGRADE_PICKER_FILTER, picker_filter, router_filter, served_filter
from modelyard.envoy.forwarding import CORS_FILTER
from modelyard.envoy.local_replies import local_reply_config
from modelyard.envoy.router_answer import require_answer
from modelyard.envoy.settings import EdgeSettings
from modelyard.envoy.upgrades import refuse_bodies

_MANAGER = "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_HTTP2 = {
    "max_concurrent_streams": 100,
    "initial_stream_window_size": 65_536,
    "initial_connection_window_size": 1_048_576,
}
_ACCESS_FIELDS = {
    "time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ:ORIG_OR_PATH)%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "route": "%ROUTE_NAME%",
    "backend": "%UPSTREAM_CLUSTER%",
    "endpoint": "%UPSTREAM_HOST%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "duration_ms": "%DURATION%",
    "first_byte_ms": "%RESPONSE_DURATION%",
    "bytes_in": "%BYTES_RECEIVED%",
    "bytes_out": "%BYTES_SENT%",
    "request_id": "%REQ(X-REQUEST-ID)%",
}


def connection_manager(
    name: str,
    routes: Config,
    settings: EdgeSettings,
    *,
    body_headers: Collection[str],
    asks_router: bool,
    picks: bool,
    http3: bool = False,
) -> Config:
    """``routes``: ``route_config`` or ``rds``. ``asks_router``: routes read what the body-based router sets."""
    silence = settings.silence / (asks_router + picks) if asks_router or picks else settings.silence
    config: Config = {
        "stat_prefix": name,
        "codec_type": "HTTP3" if http3 else "AUTO",
        **_limits(),
        **_paths(),
        NOTE: "Fields that only Modelyard sets are removed from clients' requests before anything reads them.",
        "early_header_mutation_extensions": remove_forged(body_headers),
        "upgrade_configs": [
            {"upgrade_type": "websocket", "filters": _upgrade_filters(settings, body_headers, picks=picks)}
        ],
        "http_filters": _filters(settings, silence, body_headers, asks_router=asks_router, picks=picks),
        "local_reply_config": local_reply_config(asks_router=asks_router),
        "access_log": _access_log(settings.access_log) if settings.access_log else [],
        **routes,
    }
    return extension("envoy.filters.network.http_connection_manager", typed(_MANAGER, **config))


def _filters(
    settings: EdgeSettings, silence: float, body_headers: Collection[str], *, asks_router: bool, picks: bool
) -> list[Config]:
    filters = [remove_forged_trailers(body_headers)]
    if asks_router:
        filters += [router_filter(settings, silence), *require_answer()]
    filters.append(_cors())
    if picks:
        filters += [picker_filter(settings, silence), served_filter()]
    return [*filters, _router()]


def _upgrade_filters(settings: EdgeSettings, body_headers: Collection[str], *, picks: bool) -> list[Config]:
    """Of requests that ask for an upgrade. They have no body: the router has nothing to read, the picker the head."""
    filters = [remove_forged_trailers(body_headers), refuse_bodies(), _cors()]
    if picks:
        filters += [picker_filter(settings, settings.silence, name=UPGRADE_PICKER_FILTER), served_filter()]
    return [*filters, _router()]


def _cors() -> Config:
    return extension(CORS_FILTER, typed("extensions.filters.http.cors.v3.Cors"))


def _router() -> Config:
    router = typed("extensions.filters.http.router.v3.Router", suppress_envoy_headers=True)
    return extension("envoy.filters.http.router", router)


def _limits() -> Config:
    """No time-out may end a long prefill: a model may say nothing for minutes before its first token. One may end what
    has been said in full, and waits for a client that opens no window for it."""
    return {
        "stream_idle_timeout": "0s",
        "stream_flush_timeout": "300s",
        "request_headers_timeout": "10s",
        "request_timeout": "600s",
        "delayed_close_timeout": "2s",
        "max_request_headers_kb": 64,
        "common_http_protocol_options": {"idle_timeout": "75s", "headers_with_underscores_action": "ALLOW"},
        "http2_protocol_options": dict(_HTTP2),
        "use_remote_address": True,
        "server_header_transformation": "PASS_THROUGH",
    }


def _paths() -> Config:
    """One spelling of a path before routes are compared; an encoded slash is refused."""
    return {
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "strip_trailing_host_dot": True,
    }


def _access_log(path: str) -> list[Config]:
    config = typed(
        "extensions.access_loggers.file.v3.FileAccessLog", path=path, log_format={"json_format": dict(_ACCESS_FIELDS)}
    )
    return [extension("envoy.access_loggers.file", config)]
