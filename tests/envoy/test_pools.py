"""Clusters: who chooses an endpoint, and what happens without a choice."""

from __future__ import annotations

import pytest
from envoy_edges import BACKENDS, GATEWAY, cluster_of, edge_from, pool_ref, route, values_of

from modelyard.envoy.pools import Pool, PoolEndpoint, load_assignment
from modelyard.fleet.fleet import BackendKey

MANIFESTS = "".join(
    [
        GATEWAY,
        BACKENDS,
        route(f"[{{matches: [{{path: {{value: /c}}}}], backendRefs: [{pool_ref('closed')}]}}]", name="c"),
        route(f"[{{matches: [{{path: {{value: /o}}}}], backendRefs: [{pool_ref('open')}]}}]", name="o"),
        route("[{matches: [{path: {value: /w}}], backendRefs: [{name: web, port: 80}]}]", name="w"),
    ]
)


def policy(name: str) -> dict[str, object]:
    cluster = cluster_of(edge_from(MANIFESTS), name)
    [chosen] = cluster["load_balancing_policy"]["policies"]
    return dict(chosen["typed_extension_config"]["typed_config"])


def test_no_cluster_reads_a_header_or_the_original_destination() -> None:
    edge = edge_from(MANIFESTS)
    clusters = [*edge.clusters, *edge.processors]
    assert "ORIGINAL_DST" not in str(clusters)
    sources = [one for found in values_of(clusters, "override_host_sources") for one in found]
    assert sources == 2 * [{"metadata": {"key": "envoy.lb", "path": [{"key": "x-gateway-destination-endpoint"}]}}]


def test_a_pool_that_fails_closed_falls_back_on_nobody() -> None:
    [fallback] = policy("InferencePool/default/closed")["fallback_policy"]["policies"]  # type: ignore[index]
    config = fallback["typed_extension_config"]["typed_config"]
    assert config["fallback_policy"] == "NO_FALLBACK"
    assert [one["fallback_policy"] for one in config["subset_selectors"]] == ["NO_FALLBACK"]


@pytest.mark.parametrize("name", ["InferencePool/default/open"])
def test_a_pool_that_fails_open_falls_back_on_any(name: str) -> None:
    [fallback] = policy(name)["fallback_policy"]["policies"]  # type: ignore[index]
    assert fallback["typed_extension_config"]["name"] == "envoy.load_balancing_policies.least_request"


def test_a_service_has_no_picker() -> None:
    assert "least_request" in str(policy("Service/default/web:80")["@type"])


def test_what_is_not_ready_gets_nothing_unless_it_is_picked() -> None:
    pool = Pool(BackendKey(kind="InferencePool", namespace="default", name="p"))
    found = load_assignment(pool, [PoolEndpoint("192.0.2.1:8000"), PoolEndpoint("[2001:db8::1]:8000", ready=False)])
    [locality] = found["endpoints"]
    assert [item["health_status"] for item in locality["lb_endpoints"]] == ["HEALTHY", "DEGRADED"]
    addresses = [item["endpoint"]["address"]["socket_address"]["address"] for item in locality["lb_endpoints"]]
    assert addresses == ["192.0.2.1", "2001:db8::1"]
    assert load_assignment(pool, [])["endpoints"] == []


def test_no_two_pools_share_a_file() -> None:
    keys = [
        BackendKey(kind="InferencePool", namespace="a", name="b-c"),
        BackendKey(kind="InferencePool", namespace="a-b", name="c"),
        BackendKey(kind="Service", namespace="a", name="b", port=80),
    ]
    pools = [Pool(key, mirror=mirror) for key in keys for mirror in (False, True)]
    assert len({pool.file_name for pool in pools}) == len(pools)
