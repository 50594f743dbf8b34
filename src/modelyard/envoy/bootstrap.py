"""Envoy's bootstrap: complete in one file, or small with the rest in files that Envoy watches."""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from modelyard.envoy.api import NOTE, Config, seconds, socket_address, without_notes
from modelyard.envoy.edge import Edge, Endpoints
from modelyard.envoy.listeners import route_file
from modelyard.envoy.overload import overload_manager
from modelyard.envoy.pools import watched_file
from modelyard.envoy.settings import EdgeSettings

VERSION = "version_info"
LISTENERS_FILE, CLUSTERS_FILE = "listeners.json", "clusters.json"

_RUNTIME = {"re2.max_program_size.error_level": 100_000, "re2.max_program_size.warn_level": 100_000}
"""Envoy refuses expressions larger than 100 by default; the list of the model API's paths is larger. They are checked
when the manifests are read, and RE2 takes time linear in the text whatever the expression."""

_TYPES = {
    "listener": "type.googleapis.com/envoy.config.listener.v3.Listener",
    "cluster": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    "routes": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
    "endpoints": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
}


def static_bootstrap(edge: Edge) -> Config:
    """Everything in one file."""
    return {
        **_common(edge.settings),
        "static_resources": {
            "listeners": list(edge.listeners),
            "clusters": [*edge.clusters, *edge.processors],
        },
    }


def watched_bootstrap(settings: EdgeSettings) -> Config:
    """The bootstrap of an Envoy that reads everything else from ``settings.watched_folder``."""
    folder = settings.watched_folder
    return {
        **_common(settings),
        "node": {"id": "modelyard", "cluster": "modelyard"},
        "dynamic_resources": {
            "lds_config": watched_file(folder, LISTENERS_FILE),
            "cds_config": watched_file(folder, CLUSTERS_FILE),
        },
    }


def watched_files(edge: Edge, endpoints: Endpoints) -> dict[str, Config]:
    """Content of every watched file, in the order in which they have to be written: what is referred to comes first."""
    files = {name: _response("endpoints", [item]) for name, item in edge.assignments(endpoints).items()}
    files[CLUSTERS_FILE] = _response("cluster", [*edge.clusters, *edge.processors])
    for table in edge.route_tables:
        files[route_file(table["name"])] = _response("routes", [table])
    files[LISTENERS_FILE] = _response("listener", list(edge.listeners))
    return files


def _response(kind: str, resources: list[Config]) -> Config:
    """A discovery response. Its version is made of its content: Envoy tells which version it has in force."""
    found = [{"@type": _TYPES[kind], **without_notes(item)} for item in resources]
    return {VERSION: blake2b(msgspec.json.encode(found), digest_size=8).hexdigest(), "resources": found}


def _common(settings: EdgeSettings) -> Config:
    config: Config = {}
    if settings.admin_socket:
        config["admin"] = {"address": {"pipe": {"path": settings.admin_socket, "mode": 0o600}}}
    elif settings.admin is not None:
        config["admin"] = {
            NOTE: "Whoever reaches this port can read the configuration and stop Envoy: keep it on loopback.",
            "address": socket_address(*settings.admin),
        }
    config["layered_runtime"] = {"layers": [{"name": "modelyard", "static_layer": dict(_RUNTIME)}]}
    config["overload_manager"] = overload_manager(settings)
    config["stats_flush_interval"] = seconds(60)
    return config
