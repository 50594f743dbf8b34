"""Edges out of manifests written in a test."""

from __future__ import annotations

from typing import Any

from modelyard.control.addresses import Binding
from modelyard.control.envoy_configuration import edge_of, written_endpoints
from modelyard.control.planned_bindings import planned_bindings
from modelyard.envoy.edge import Edge
from modelyard.envoy.settings import EdgeSettings
from modelyard.fleet.discovery import backends_of
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.snapshot import build_snapshot

GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: modelyard
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
"""
BACKENDS = """
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: closed}
spec:
  selector: {matchLabels: {app: engine}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: epp, port: {number: 9002}}
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: open}
spec:
  selector: {matchLabels: {app: engine}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: epp, port: {number: 9002}, failureMode: FailOpen}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: engine}, ports: [{port: 80, targetPort: 8000}]}
---
apiVersion: v1
kind: Pod
metadata: {name: engine-0, labels: {app: engine}}
status: {podIP: 192.0.2.1, phase: Running}
---
"""


def route(rules: str, *, name: str = "route", hostnames: str = "[]") -> str:
    """An HTTPRoute; ``rules`` is a flow-style list."""
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  parentRefs: [{{name: gw}}]
  hostnames: {hostnames}
  rules: {rules}
---
"""


def pool_ref(name: str, **more: Any) -> str:
    """A backendRef to an InferencePool, flow style."""
    extra = "".join(f", {key}: {value}" for key, value in more.items())
    return f"{{group: inference.networking.k8s.io, kind: InferencePool, name: {name}{extra}}}"


def loaded(text: str) -> ResourceSet:
    """The resources of YAML documents, which must be right."""
    result = load_documents(text.encode(), "test")
    assert not result.errors, result.errors
    return ResourceSet.of(result.objects)[0]


def edge_from(text: str, **settings: Any) -> Edge:
    """The edge of manifests."""
    resources = loaded(text)
    snapshot = build_snapshot(resources)
    bindings: tuple[Binding, ...]
    bindings, _ = planned_bindings(snapshot.table.listeners, bind="127.0.0.1", ports={})
    endpoints = written_endpoints(backends_of(resources))
    return edge_of(snapshot, resources, bindings, EdgeSettings(**settings), endpoints)


def routes_of(edge: Edge, domain: str = "*") -> list[dict[str, Any]]:
    """The routes of one host, without what refuses bad hosts and the last one, that leads nowhere."""
    for table in edge.route_tables:
        for host in table["virtual_hosts"]:
            if domain in host["domains"]:
                assert host["routes"][-1]["name"] == "no_route"
                return [route for route in host["routes"][:-1] if route["name"] != "bad_host"]
    raise AssertionError(f"no host {domain}")


def cluster_of(edge: Edge, name: str) -> dict[str, Any]:
    """A cluster by name."""
    return next(item for item in (*edge.clusters, *edge.processors) if item["name"] == name)


def values_of(value: Any, key: str) -> list[Any]:
    """Every value of ``key`` at any depth."""
    found: list[Any] = []
    if isinstance(value, dict):
        found += [item for name, item in value.items() if name == key]
        found += [one for item in value.values() for one in values_of(item, key)]
    elif isinstance(value, list | tuple):
        found += [one for item in value for one in values_of(item, key)]
    return found
