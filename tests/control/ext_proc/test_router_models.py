from __future__ import annotations

from modelyard.control.ext_proc.router_models import router_models
from modelyard.snapshot import build_snapshot

from .conftest import resources_of

MANIFESTS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: adapters, labels: {inference.networking.k8s.io/bbr-managed: "true"}}
data:
  baseModel: base
  adapters: |
    - one
    - two
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  rules:
  - matches:
    - headers: [{name: X-Gateway-Model-Name, value: routed}]
    - headers: [{name: X-Gateway-Model-Name, type: RegularExpression, value: "any.*"}]
    - headers: [{name: x-tier, value: gold}]
    backendRefs: [{name: s, port: 80}]
"""


def test_names_of_config_maps_and_of_routes() -> None:
    resources = resources_of(MANIFESTS)
    assert set(router_models(resources, build_snapshot(resources))) == {"base", "one", "two", "routed"}
