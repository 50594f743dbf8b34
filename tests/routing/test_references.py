from __future__ import annotations

from collections.abc import Callable

import pytest

from modelyard.resources.references import BackendObjectReference
from modelyard.resources.resource_set import ResourceSet
from modelyard.routing.references import BackendResolver, Grants

OBJECTS = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: apps}
spec: {ports: [{name: http, port: 80}, {name: grpc, port: 81, appProtocol: grpc}]}
---
apiVersion: v1
kind: Service
metadata: {name: away, namespace: apps}
spec: {type: ExternalName, externalName: a.test, ports: [{port: 80}]}
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: pool, namespace: apps}
spec: {selector: {matchLabels: {a: b}}, targetPorts: [{number: 8000}]}
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: http2, namespace: apps}
spec: {selector: {matchLabels: {a: b}}, targetPorts: [{number: 8000}], appProtocol: kubernetes.io/h2c}
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: grant, namespace: apps}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: friend}]
  to: [{group: "", kind: Service, name: web}, {group: inference.networking.k8s.io, kind: InferencePool}]
"""

POOL = {"kind": "InferencePool", "group": "inference.networking.k8s.io"}


@pytest.mark.parametrize(
    ("namespace", "reference", "reason"),
    [
        ("apps", {"name": "web", "port": 80}, None),
        ("apps", {"name": "web", "port": 82}, "BackendNotFound"),
        ("apps", {"name": "web"}, "BackendNotFound"),
        ("apps", {"name": "web", "port": 81}, "UnsupportedProtocol"),
        ("apps", {"name": "gone", "port": 80}, "BackendNotFound"),
        ("apps", {"name": "away", "port": 80}, "BackendNotFound"),
        ("apps", {"name": "web", "port": 80, "kind": "ServiceImport"}, "InvalidKind"),
        ("apps", {"name": "web", "port": 80, "group": "apps"}, "InvalidKind"),
        ("apps", {"name": "pool", "kind": "InferencePool", "group": "other.test"}, "InvalidKind"),
        ("apps", {"name": "pool", **POOL}, None),
        ("apps", {"name": "pool", **POOL, "group": "inference.networking.x-k8s.io"}, None),
        ("apps", {"name": "gone", **POOL}, "BackendNotFound"),
        ("apps", {"name": "http2", **POOL}, "UnsupportedProtocol"),
        ("friend", {"name": "web", "namespace": "apps", "port": 80}, None),
        ("friend", {"name": "pool", "namespace": "apps", **POOL}, None),
        ("friend", {"name": "away", "namespace": "apps", "port": 80}, "RefNotPermitted"),
        ("stranger", {"name": "web", "namespace": "apps", "port": 80}, "RefNotPermitted"),
        ("stranger", {"name": "gone", "namespace": "apps", "port": 80}, "RefNotPermitted"),
    ],
)
def test_backends(
    load: Callable[..., ResourceSet], namespace: str, reference: dict[str, str | int], reason: str | None
) -> None:
    resources = load(OBJECTS)
    resolver = BackendResolver(resources, Grants(resources.reference_grants.values()))
    resolved = resolver.resolve(BackendObjectReference(**reference), namespace)  # type: ignore[arg-type]
    assert (resolved.fault and resolved.fault.reason) == reason
    assert resolved.ref.namespace == "apps"


def test_the_port_of_a_pool_is_ignored(load: Callable[..., ResourceSet]) -> None:
    resolver = BackendResolver(load(OBJECTS), Grants([]))
    resolved = resolver.resolve(BackendObjectReference(name="pool", port=9, **POOL), "apps")
    assert resolved.ref.port == 0
    assert resolved.fault is None


def test_messages_say_what_there_is(load: Callable[..., ResourceSet]) -> None:
    resolver = BackendResolver(load(OBJECTS), Grants([]))
    resolved = resolver.resolve(BackendObjectReference(name="web", port=9), "apps")
    assert resolved.fault is not None
    assert resolved.fault.message == "Service/apps/web:9 does not exist; the Service has 80, 81"
