"""Manifests that several tests use; ``@NS`` and names are filled in by the tenant and the caller."""

from __future__ import annotations

import yaml

GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: modelyard
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
"""


def route(name: str, *rules: object, **spec: object) -> str:
    """An HTTPRoute to ``gw``. A rule given as text sends everything to the Service of that name."""
    return (
        yaml.safe_dump(
            {
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "HTTPRoute",
                "metadata": {"name": name},
                "spec": {"parentRefs": [{"name": "gw"}], "rules": [_rule(item) for item in rules], **spec},
            }
        )
        + "\n---\n"
    )


def _rule(item: object) -> object:
    return {"backendRefs": [{"name": item, "port": 80}]} if isinstance(item, str) else item


def under(prefix: str, service: str, **more: object) -> object:
    """A rule for a path prefix."""
    return {"matches": [{"path": {"value": prefix}}], "backendRefs": [{"name": service, "port": 80}], **more}
