"""Clusters of InferencePools and Services, and their endpoints.

A pool's endpoint is chosen by the picker's dynamic metadata (``override_host``), never by a header and never by an
address that is not in the cluster. Where there is no usable pick the fallback policy decides: least requests for a pool
that fails open; for one that fails closed a subset that no endpoint is in, so that the answer is 503 whatever
happened to the picker. That guard needs no filter that could be skipped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from modelyard.envoy.api import NOTE, Config, policy, seconds, socket_address, typed
from modelyard.envoy.external_processing import PICK_KEY, PICK_NAMESPACE
from modelyard.envoy.health_checks import health_check
from modelyard.envoy.settings import EdgeSettings
from modelyard.fleet.fleet import BackendKey
from modelyard.fleet.health import HealthCheck

_POLICY = "extensions.load_balancing_policies"
LIMITS = ("max_connections", "max_pending_requests", "max_requests")
NO_LIMIT = 1_000_000
_ALL_TO_HEALTHY = 1_000_000
"""Overprovisioning in percent: as long as one endpoint is ready, those that are not get nothing."""
MIRROR = "mirror"
BUFFER = 32 * 1024
"""Bytes of a connection that wait for a slow reader before the other side is held back: for a client that reads
nothing, this much of each of its answers. Envoy's default is 1 MiB. Bodies have a limit of their own."""
_KEEPALIVE = {"keepalive_time": 30, "keepalive_interval": 10, "keepalive_probes": 6}
"""Seconds and attempts after which a host that is gone is noticed, however long an answer is silent."""


@dataclass(frozen=True, slots=True)
class PoolEndpoint:
    """One address of a backend."""

    address: str
    """``ip:port``, IPv6 in brackets."""
    ready: bool = True
    health: HealthCheck | None = None
    """How Envoy is to check it where nobody picks; None: not at all."""


@dataclass(frozen=True, slots=True)
class Pool:
    """One backend as a cluster."""

    key: BackendKey
    picked: bool = False
    """The picker may choose its endpoints."""
    fails_open: bool = True
    """Requests for which there is no pick go to any ready endpoint. A Service has no picker: always."""
    sees_heads: bool = True
    """The picker hears of answers' heads."""
    sees_answers: bool = False
    """The picker reads the answers' bodies."""
    mirror: bool = False
    """Only for copies of requests, which nobody picks for."""

    @property
    def name(self) -> str:
        """The cluster's name."""
        return f"{self.key}/{MIRROR}" if self.mirror else str(self.key)

    @property
    def file_name(self) -> str:
        """Of its endpoints, where they are watched. Names in Kubernetes have no underscore, so no two are equal."""
        return f"endpoints_{self.name.replace('/', '_').replace(':', '_')}.json"


def cluster(pool: Pool, endpoints: Collection[PoolEndpoint], settings: EdgeSettings) -> Config:
    """The cluster; its endpoints are in it unless they are watched. They share one check: a cluster has no more."""
    checks = [] if pool.picked else [item.health for item in endpoints if item.health is not None]
    config: Config = {
        NOTE: _note(pool),
        "name": pool.name,
        "connect_timeout": seconds(settings.connect_timeout),
        "per_connection_buffer_limit_bytes": BUFFER,
        "upstream_connection_options": {"tcp_keepalive": dict(_KEEPALIVE)},
        "load_balancing_policy": _load_balancing(pool),
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "circuit_breakers": _circuit_breakers(),
    }
    if checks:
        config["health_checks"] = [health_check(checks[0])]
    if settings.watched_folder:
        source = watched_file(settings.watched_folder, pool.file_name)
        return {**config, "type": "EDS", "eds_cluster_config": {"service_name": pool.name, "eds_config": source}}
    return {**config, "type": "STATIC", "load_assignment": load_assignment(pool, endpoints)}


def load_assignment(pool: Pool, endpoints: Iterable[PoolEndpoint]) -> Config:
    """All endpoints. One that is not ready is DEGRADED rather than absent: it gets nothing while another is ready, and
    the picker, which may know first that it has become ready, can choose it at once."""
    listed = [
        {
            "endpoint": {"address": socket_address(*_split(item.address)), **_checked_at(item)},
            "health_status": "HEALTHY" if item.ready else "DEGRADED",
        }
        for item in endpoints
    ]
    return {
        "cluster_name": pool.name,
        "endpoints": [{"lb_endpoints": listed}] if listed else [],
        "policy": {"overprovisioning_factor": _ALL_TO_HEALTHY},
    }


def watched_file(folder: str, name: str) -> Config:
    """A source that follows a file which is replaced by renaming."""
    return {
        "path_config_source": {"path": f"{folder}/{name}", "watched_directory": {"path": folder}},
        "resource_api_version": "V3",
        "initial_fetch_timeout": "0s",
    }


def _circuit_breakers() -> Config:
    """Admission decides how much an endpoint gets; retries keep the gateway's budget of 20 %, at least 3 at a time."""
    budget = {"budget_percent": {"value": 20}, "min_retry_concurrency": 3}
    return {"thresholds": [{**dict.fromkeys(LIMITS, NO_LIMIT), "retry_budget": budget}]}


def _load_balancing(pool: Pool) -> Config:
    least = policy(
        "envoy.load_balancing_policies.least_request",
        typed(f"{_POLICY}.least_request.v3.LeastRequest"),
    )
    if not pool.picked:
        return least
    source = {"metadata": {"key": PICK_NAMESPACE, "path": [{"key": PICK_KEY}]}}
    config = typed(
        f"{_POLICY}.override_host.v3.OverrideHost",
        override_host_sources=[source],
        fallback_policy=least if pool.fails_open else _nobody(least),
    )
    return policy("envoy.load_balancing_policies.override_host", config)


def _nobody(least: Config) -> Config:
    """A policy that selects no endpoint: no endpoint has this metadata, no request asks for it, nothing falls back."""
    config = typed(
        f"{_POLICY}.subset.v3.Subset",
        fallback_policy="NO_FALLBACK",
        subset_selectors=[{"keys": ["modelyard.picked"], "fallback_policy": "NO_FALLBACK"}],
        subset_lb_policy=least,
    )
    return policy("envoy.load_balancing_policies.subset", config)


def _checked_at(endpoint: PoolEndpoint) -> Config:
    port = 0 if endpoint.health is None else endpoint.health.port
    return {"health_check_config": {"port_value": port}} if port else {}


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def _note(pool: Pool) -> str:
    if pool.mirror:
        return f"{pool.key}, for copies of requests."
    if not pool.picked:
        return f"{pool.key}: no picker is asked."
    if pool.fails_open:
        return f"{pool.key}, FailOpen: without a usable pick, the ready endpoint with fewer requests of two."
    return f"{pool.key}, FailClose: without a usable pick nothing is selected, and the client gets 503."
