"""Minimal valid objects of every kind, and ways to break them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from modelyard.resources.errors import ResourceError
from modelyard.resources.loading import load_documents

_GATEWAY = "gateway.networking.k8s.io/v1"
_OLD = "inference.networking.x-k8s.io/v1alpha2"
_POD = {"containers": [{"name": "server", "ports": [{"name": "http", "containerPort": 8000}]}]}

VALID: dict[str, dict[str, Any]] = {
    "Yard": {"apiVersion": "modelyard.dev/v1alpha1", "spec": {"models": [{"name": "m", "source": "org/m"}]}},
    "GatewayClass": {"apiVersion": _GATEWAY, "spec": {"controllerName": "example.com/gateway"}},
    "Gateway": {
        "apiVersion": _GATEWAY,
        "spec": {
            "gatewayClassName": "modelyard",
            "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
        },
    },
    "HTTPRoute": {
        "apiVersion": _GATEWAY,
        "spec": {
            "parentRefs": [{"name": "edge"}],
            "rules": [{"backendRefs": [{"name": "svc", "port": 80}]}],
        },
    },
    "ReferenceGrant": {
        "apiVersion": "gateway.networking.k8s.io/v1beta1",
        "spec": {
            "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "a"}],
            "to": [{"group": "", "kind": "Service"}],
        },
    },
    "InferencePool": {
        "apiVersion": "inference.networking.k8s.io/v1",
        "spec": {"selector": {"matchLabels": {"app": "vllm"}}, "targetPorts": [{"number": 8000}]},
    },
    "OldInferencePool": {
        "apiVersion": _OLD,
        "kind": "InferencePool",
        "spec": {"selector": {"app": "vllm"}, "targetPortNumber": 8000, "extensionRef": {"name": "epp"}},
    },
    "InferenceModel": {"apiVersion": _OLD, "spec": {"modelName": "m", "poolRef": {"name": "pool"}}},
    "InferenceObjective": {
        "apiVersion": "llm-d.ai/v1alpha2",
        "spec": {"priority": 10, "poolRef": {"name": "pool"}},
    },
    "InferenceModelRewrite": {
        "apiVersion": "llm-d.ai/v1alpha2",
        "spec": {
            "poolRef": {"name": "pool"},
            "rules": [{"matches": [{"model": {"value": "m"}}], "targets": [{"modelRewrite": "n"}]}],
        },
    },
    "EndpointPickerConfig": {
        "apiVersion": "llm-d.ai/v1alpha1",
        "plugins": [{"type": "queue-scorer"}],
        "schedulingProfiles": [{"name": "default", "plugins": [{"pluginRef": "queue-scorer", "weight": 2}]}],
    },
    "HealthCheckPolicy": {
        "apiVersion": "networking.gke.io/v1",
        "spec": {
            "targetRef": {"group": "", "kind": "Service", "name": "svc"},
            "default": {"config": {"type": "HTTP", "httpHealthCheck": {"port": 8000}}},
        },
    },
    "Service": {"apiVersion": "v1", "spec": {"selector": {"app": "vllm"}, "ports": [{"port": 8000}]}},
    "Pod": {"apiVersion": "v1", "spec": _POD},
    "Namespace": {"apiVersion": "v1"},
    "Secret": {"apiVersion": "v1", "data": {"token": "c2VjcmV0"}},
    "ConfigMap": {"apiVersion": "v1", "data": {"a.yaml": "x: 1"}},
    "EndpointSlice": {
        "apiVersion": "discovery.k8s.io/v1",
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.1"]}],
        "ports": [{"port": 8000}],
    },
    "Deployment": {
        "apiVersion": "apps/v1",
        "spec": {
            "selector": {"matchLabels": {"app": "vllm"}},
            "template": {"metadata": {"labels": {"app": "vllm"}}, "spec": _POD},
        },
    },
}


def valid_object(kind: str) -> dict[str, Any]:
    """A fresh minimal object."""
    return {"kind": kind, "metadata": {"name": "one"}, **copy.deepcopy(VALID[kind])}


@pytest.fixture(params=sorted(VALID))
def any_valid(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each kind's minimal object in turn."""
    return valid_object(request.param)


@pytest.fixture
def valid() -> Callable[[str], dict[str, Any]]:
    return valid_object


@pytest.fixture
def errors_with() -> Callable[..., list[ResourceError]]:
    """``errors_with(kind, {"spec.listeners[0].port": 0})``: errors of a valid object with places changed."""

    def errors(kind: str, changes: dict[str, Any]) -> list[ResourceError]:
        changed = valid_object(kind)
        for path, value in changes.items():
            _put(changed, path, value)
        return list(load_documents(json.dumps(changed), "f.yaml").errors)

    return errors


def _put(target: Any, path: str, value: Any) -> None:
    steps: list[str | int] = []
    for part in path.split("."):
        name, *indexes = part.replace("]", "").split("[")
        steps += [name, *map(int, indexes)]
    *inner, last = steps
    for step, following in zip(inner, steps[1:], strict=True):
        if isinstance(target, dict):
            target = target.setdefault(step, [] if isinstance(following, int) else {})
        else:
            if len(target) == step:
                target.append([] if isinstance(following, int) else {})
            target = target[step]
    if isinstance(target, list) and len(target) == last:
        target.append(value)
    else:
        target[last] = value
