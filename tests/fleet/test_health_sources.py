"""Where an endpoint's health check comes from."""

from __future__ import annotations

import pytest

from modelyard.fleet.fleet import BackendKey
from modelyard.fleet.health import HealthCheck
from modelyard.fleet.health_sources import HealthSources
from modelyard.fleet.pod_endpoints import PodEndpoint
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet

POD = PodEndpoint(name="p", ip="127.8.0.1", labels={"app": "x"}, port_map={8000: 18000}, ports={"http": 8000})
SERVICE = BackendKey(kind="Service", namespace="default", name="gemma", port=80)
POOL = BackendKey(kind="InferencePool", namespace="default", name="gemma")


def check(text: str, key: BackendKey = SERVICE, pod: PodEndpoint = POD) -> HealthCheck | None:
    result = load_documents(text, "test.yaml")
    assert not result.errors, result.errors
    return HealthSources(ResourceSet.of(result.objects)[0]).check(key, pod, 8000)


POLICY = """
apiVersion: networking.gke.io/v1
kind: HealthCheckPolicy
metadata: {name: h, namespace: default}
spec:
  default:
    checkIntervalSec: 5
    timeoutSec: 4
    healthyThreshold: 2
    unhealthyThreshold: 3
    config: {type: HTTP, httpHealthCheck: {port: 8000, requestPath: /-/healthz}}
  targetRef: {group: "", kind: Service, name: gemma}
"""
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  selector: {matchLabels: {app: x}}
  template:
    metadata: {labels: {app: x}}
    spec:
      containers:
      - {name: sidecar, readinessProbe: {httpGet: {path: /side, port: 9}}}
      - name: server
        ports: [{name: http, containerPort: 8000}]
        readinessProbe: PROBE
"""


def deployment(probe: str) -> str:
    return DEPLOYMENT.replace("PROBE", probe)


def test_a_policy_on_the_service() -> None:
    assert check(POLICY) == HealthCheck(
        path="/-/healthz",
        port=18000,
        ok_to=200,
        period=5,
        retry_period=5,
        timeout=4,
        healthy_threshold=2,
        unhealthy_threshold=3,
    )


def test_a_policy_counts_for_its_target_only() -> None:
    assert check(POLICY, POOL) is None
    target = "targetRef: {group: inference.networking.k8s.io, kind: InferencePool, name: gemma}"
    text = POLICY.replace('targetRef: {group: "", kind: Service, name: gemma}', target)
    assert check(text, POOL) is not None
    assert check(text) is None


def test_the_policy_comes_before_the_probe() -> None:
    found = check(POLICY + "---" + deployment("{httpGet: {path: /health, port: http}}"))
    assert found is not None
    assert found.path == "/-/healthz"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("{type: TCP, tcpHealthCheck: {}}", HealthCheck(kind="tcp", path="/")),
        ("{type: HTTPS, httpsHealthCheck: {port: 443}}", HealthCheck(path="/", port=443, tls=True)),
        (
            "{type: HTTP, httpHealthCheck: {portName: http, portSpecification: USE_NAMED_PORT}}",
            HealthCheck(path="/", port=18000),
        ),
        (
            "{type: HTTP, httpHealthCheck: {response: ok, host: h.example}}",
            HealthCheck(path="/", host="h.example", expect=b"ok"),
        ),
        ("{type: GRPC, grpcHealthCheck: {port: 9000}}", HealthCheck(kind="tcp", path="/", port=9000)),
    ],
)
def test_kinds_of_policies(config: str, expected: HealthCheck) -> None:
    text = POLICY.replace("{type: HTTP, httpHealthCheck: {port: 8000, requestPath: /-/healthz}}", config)
    found = check(text)
    assert found is not None
    for field in ("kind", "path", "port", "tls", "host", "expect"):
        assert getattr(found, field) == getattr(expected, field), field


def test_the_readiness_probe_of_the_serving_container() -> None:
    headers = "[{name: X-A, value: b}, {name: Host, value: h}]"
    probe = f"{{httpGet: {{path: /health, port: http, httpHeaders: {headers}}}, periodSeconds: 1}}"
    assert check(deployment(probe)) == HealthCheck(
        path="/health",
        port=18000,
        host="h",
        headers=(("X-A", "b"),),
        ok_to=399,
        period=1,
        retry_period=1,
        timeout=1,
        healthy_threshold=1,
        unhealthy_threshold=3,
    )


def test_a_tcp_probe() -> None:
    found = check(deployment("{tcpSocket: {port: 8000}}"))
    assert found is not None
    assert (found.kind, found.port) == ("tcp", 18000)


@pytest.mark.parametrize("probe", ["{exec: {command: [cat, /tmp/ready]}}", "{grpc: {port: 9}}"])
def test_a_probe_that_cannot_be_asked_here_leaves_the_engine_default(probe: str) -> None:
    assert check(deployment(probe)) is None


def test_other_pods_do_not_get_the_probe() -> None:
    text = deployment("{tcpSocket: {port: 8000}}")
    assert check(text, pod=PodEndpoint(name="q", ip="1", labels={"app": "y"})) is None
    assert check(text, pod=PodEndpoint(name="q", ip="1", labels={"app": "x"}, namespace="other")) is None
