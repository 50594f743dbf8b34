"""Which active check applies to an endpoint.

In this order: the HealthCheckPolicy (``networking.gke.io/v1``) that targets its Service or InferencePool, the
check that the Pod's runner gives it, the readiness probe of the Deployment behind it, and else (None) the default of
its engine.
"""

from __future__ import annotations

from modelyard.fleet.fleet import BackendKey
from modelyard.fleet.health import HealthCheck
from modelyard.fleet.pod_endpoints import PodEndpoint
from modelyard.resources import gke
from modelyard.resources.apps import Deployment
from modelyard.resources.pods import Container
from modelyard.resources.probes import HTTPGetAction, Probe
from modelyard.resources.resource_set import ResourceSet


class HealthSources:
    """Policies and probes of one resource set, indexed. One is made for each discovery."""

    def __init__(self, resources: ResourceSet) -> None:
        self._policies = {
            (policy.spec.target_ref.kind, policy.metadata.namespace, policy.spec.target_ref.name): policy
            for policy in reversed(tuple(resources.health_check_policies.values()))
        }
        self._deployments = tuple(resources.deployments.values())
        self._known: dict[tuple[str, frozenset[tuple[str, str]]], Deployment | None] = {}

    def check(self, key: BackendKey, pod: PodEndpoint, serving_port: int) -> HealthCheck | None:
        """How ``pod`` is checked as an endpoint of ``key``; ``serving_port`` is the container port behind
        it."""
        policy = self._policies.get((key.kind, key.namespace, key.name))
        if policy is not None:
            return _from_policy(policy.spec.default, pod)
        if pod.health is not None:
            return pod.health
        deployment = self.deployment(pod)
        return _from_deployment(deployment, pod, serving_port) if deployment is not None else None

    def deployment(self, pod: PodEndpoint) -> Deployment | None:
        """The first Deployment whose selector takes the Pod."""
        seen = (pod.namespace, frozenset(pod.labels.items()))
        if seen not in self._known:
            self._known[seen] = next((d for d in self._deployments if _selects(d, pod)), None)
        return self._known[seen]


def container_port(deployment: Deployment, name: str) -> int | None:
    """The number of a named container port; None where no container has it."""
    spec = deployment.spec.template.spec
    for container in (*spec.containers, *spec.init_containers):
        for port in container.ports:
            if port.name == name:
                return port.container_port
    return None


def _selects(deployment: Deployment, pod: PodEndpoint) -> bool:
    selector = deployment.spec.selector
    if not selector.match_labels and not selector.match_expressions:
        return False
    return deployment.metadata.namespace == pod.namespace and selector.matches(pod.labels)


def _from_policy(config: gke.HealthCheckPolicyConfig, pod: PodEndpoint) -> HealthCheck:
    chosen = config.config or gke.HealthCheck()
    http = _http_part(chosen)
    part = http or chosen.tcp_health_check or chosen.grpc_health_check
    named = pod.port(part.port_name) if part is not None and part.port_name else None
    fixed = pod.port(part.port) if part is not None and part.port else None
    expect = getattr(part, "response", None) or ""
    is_http = chosen.type in ("HTTP", "HTTPS")
    return HealthCheck(
        kind="http" if is_http else "tcp",  # HTTP/2 and gRPC health are not spoken here: a connection has to do
        path=http.request_path if http is not None else "/",
        port=named or fixed or 0,
        host=(http.host or "") if http is not None else "",
        tls=chosen.type == "HTTPS",
        ok_to=200,
        expect=expect.encode() if is_http else b"",
        period=max(config.check_interval_sec, 1),
        retry_period=max(config.check_interval_sec, 1),
        timeout=max(config.timeout_sec, 1),
        healthy_threshold=max(config.healthy_threshold, 1),
        unhealthy_threshold=max(config.unhealthy_threshold, 1),
    )


def _http_part(chosen: gke.HealthCheck) -> gke.HTTPHealthCheck | None:
    if chosen.type == "HTTPS":
        return chosen.https_health_check
    return chosen.http_health_check if chosen.type == "HTTP" else None


def _from_deployment(deployment: Deployment, pod: PodEndpoint, serving_port: int) -> HealthCheck | None:
    containers = [c for c in deployment.spec.template.spec.containers if c.readiness_probe is not None]
    containers.sort(key=lambda container: not _listens(container, serving_port))
    probe = containers[0].readiness_probe if containers else None
    return _from_probe(probe, pod, deployment) if probe is not None else None


def _listens(container: Container, port: int) -> bool:
    return any(p.container_port == port for p in container.ports)


def _from_probe(probe: Probe, pod: PodEndpoint, deployment: Deployment) -> HealthCheck | None:
    """None for a probe that cannot be asked over the network (exec) or is not spoken here (gRPC)."""
    action = probe.http_get or probe.tcp_socket
    if action is None:
        return None
    port = container_port(deployment, action.port) if isinstance(action.port, str) else action.port
    http = action if isinstance(action, HTTPGetAction) else None
    return HealthCheck(
        kind="http" if http is not None else "tcp",
        path=http.path if http is not None else "/",
        port=pod.port(port) or 0 if port is not None else 0,
        host=next((h.value for h in http.http_headers if h.name.lower() == "host"), "") if http else "",
        headers=tuple((h.name, h.value) for h in http.http_headers if h.name.lower() != "host") if http else (),
        tls=http is not None and http.scheme == "HTTPS",
        ok_to=399,
        period=max(probe.period_seconds, 1),
        retry_period=max(probe.period_seconds, 1),
        timeout=max(probe.timeout_seconds, 1),
        healthy_threshold=max(probe.success_threshold, 1),
        unhealthy_threshold=max(probe.failure_threshold, 1),
    )
