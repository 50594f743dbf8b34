"""Checks by Envoy: of whom, and how they are written."""

from __future__ import annotations

import pytest
from envoy_edges import BACKENDS, GATEWAY, cluster_of, edge_from, pool_ref, route

from modelyard.envoy.api import without_notes
from modelyard.envoy.health_checks import health_check
from modelyard.envoy.pools import Pool, PoolEndpoint, cluster, load_assignment
from modelyard.envoy.settings import EdgeSettings
from modelyard.fleet.fleet import BackendKey
from modelyard.fleet.health import HealthCheck

KEY = BackendKey(kind="Service", namespace="default", name="web", port=80)
POLICY = """
apiVersion: networking.gke.io/v1
kind: HealthCheckPolicy
metadata: {{name: {name}}}
spec:
  default:
    checkIntervalSec: 7
    timeoutSec: 3
    config: {{type: HTTP, httpHealthCheck: {{port: 8080, requestPath: /up}}}}
  targetRef: {{group: "", kind: {kind}, name: {name}}}
---
"""


def test_a_service_is_checked_as_its_policy_asks_and_a_pool_by_the_picker() -> None:
    rules = "[{matches: [{path: {value: /w}}], backendRefs: [{name: web, port: 80}]},"
    rules += f" {{matches: [{{path: {{value: /o}}}}], backendRefs: [{pool_ref('open')}]}}]"
    policies = POLICY.format(kind="Service", name="web") + POLICY.format(kind="InferencePool", name="open")
    edge = edge_from(GATEWAY + BACKENDS + policies + route(rules))
    service = cluster_of(edge, "Service/default/web:80")
    [check] = service["health_checks"]
    assert (check["interval"], check["no_traffic_interval"], check["timeout"]) == ("7s", "7s", "3s")
    assert check["http_health_check"] == {"path": "/up", "expected_statuses": [{"start": 200, "end": 201}]}
    [locality] = service["load_assignment"]["endpoints"]
    assert all(item["endpoint"]["health_check_config"] == {"port_value": 8080} for item in locality["lb_endpoints"])
    assert "health_checks" not in cluster_of(edge, "InferencePool/default/open")


def test_nothing_is_checked_where_nothing_is_asked_for() -> None:
    endpoints = [PoolEndpoint("192.0.2.1:80")]
    assert "health_checks" not in cluster(Pool(KEY), endpoints, EdgeSettings())
    [locality] = load_assignment(Pool(KEY), endpoints)["endpoints"]
    assert "health_check_config" not in locality["lb_endpoints"][0]["endpoint"]


def test_watched_endpoints_are_checked_too() -> None:
    made = cluster(Pool(KEY), [PoolEndpoint("192.0.2.1:80", health=HealthCheck())], EdgeSettings(watched_folder="/e"))
    assert (made["type"], len(made["health_checks"])) == ("EDS", 1)


def test_host_headers_and_the_expected_body() -> None:
    check = HealthCheck(path="/h", host="a.test", headers=(("x-a", "100%"),), expect=b"ok", ok_to=399)
    assert health_check(check)["http_health_check"] == {
        "path": "/h",
        "expected_statuses": [{"start": 200, "end": 400}],
        "host": "a.test",
        "request_headers_to_add": [{"header": {"key": "x-a", "value": "100%%"}}],
        "receive": [{"text": "6f6b"}],
    }


@pytest.mark.parametrize("check", [HealthCheck(kind="tcp"), HealthCheck(tls=True)], ids=["tcp", "tls"])
def test_what_cannot_be_asked_in_plain_http_is_connected_to(check: HealthCheck) -> None:
    made = without_notes(health_check(check))
    assert made["tcp_health_check"] == {}
    assert "http_health_check" not in made
    assert (made["interval"], made["unhealthy_interval"]) == ("2s", "1s")
