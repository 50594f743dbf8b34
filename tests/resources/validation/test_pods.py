from __future__ import annotations

import pytest

S = "spec.template.spec"
C = f"{S}.containers[0]"


@pytest.mark.parametrize(
    "changes",
    [
        {f"{C}.livenessProbe": {"httpGet": {"port": "http"}, "periodSeconds": 1}},
        {f"{C}.readinessProbe": {"exec": {"command": ["true"]}, "successThreshold": 3}},
        {f"{C}.startupProbe": {"grpc": {"port": 9003}}},
        {f"{C}.env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
        {f"{C}.lifecycle": {"preStop": {"sleep": {"seconds": 30}}}},
        {f"{S}.volumes": [{"name": "v"}], f"{C}.volumeMounts": [{"name": "v", "mountPath": "/v"}]},
        {f"{C}.resources": {"limits": {"nvidia.com/gpu": 1, "cpu": 0.5, "memory": "10Gi"}}},
        {f"{C}.somethingOfKubernetes": {"unknown": 1}},
        {f"{S}.initContainers": [{"name": "sidecar", "restartPolicy": "Always"}]},
        {"spec.replicas": 0},
        {"spec.strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "10%"}}},
        {"spec.strategy": {"type": "Recreate"}, "spec.revisionHistoryLimit": 0},
    ],
)
def test_valid_deployments(errors_with, changes):
    assert errors_with("Deployment", changes) == []


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"spec.replicas": -1}, "spec.replicas", "0 or more"),
        (
            {"spec.strategy": {"rollingUpdate": {"maxSurge": "a few"}}},
            "spec.strategy.rollingUpdate.maxSurge",
            "percentage such as 25%",
        ),
        (
            {"spec.strategy": {"rollingUpdate": {"maxSurge": "0%", "maxUnavailable": 0}}},
            "spec.strategy.rollingUpdate",
            "not both be 0",
        ),
        ({"spec.progressDeadlineSeconds": 0}, "spec.progressDeadlineSeconds", "more than minReadySeconds"),
        ({"spec.selector.matchLabels": {"app": "other"}}, "spec.template.metadata.labels", "do not match"),
        ({"spec.selector.matchLabels": {}}, "spec.selector", "at least one label"),
        ({f"{S}.containers": []}, f"{S}.containers", "at least one"),
        ({f"{C}.name": "A"}, f"{C}.name", "DNS label"),
        ({f"{S}.initContainers": [{"name": "server"}]}, f"{C}.name", "there twice"),
        ({f"{C}.volumeMounts": [{"name": "v", "mountPath": "/v"}]}, f"{C}.volumeMounts[0].name", "no volume"),
        ({f"{C}.env": [{"name": "A=B"}]}, f"{C}.env[0].name", "variable name"),
        ({f"{C}.env": [{"name": "A", "valueFrom": {}}]}, f"{C}.env[0].valueFrom", "exactly one"),
        (
            {f"{C}.env": [{"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]},
            f"{C}.env[0]",
            "together",
        ),
        ({f"{C}.env": [{"name": "A", "value": 8000}]}, f"{C}.env[0].value", "put it in quotes"),
        ({f"{C}.env": [{"name": "A", "value": True}]}, f"{C}.env[0].value", "yes, no, on, off"),
        ({f"{C}.livenessProbe": {}}, f"{C}.livenessProbe", "exactly one action"),
        ({f"{C}.livenessProbe": {"tcpSocket": {"port": "htp"}}}, f"{C}.livenessProbe.tcpSocket.port", "'http'"),
        (
            {f"{C}.livenessProbe": {"tcpSocket": {"port": 1}, "periodSeconds": 0}},
            f"{C}.livenessProbe.periodSeconds",
            "1 or more",
        ),
        (
            {f"{C}.livenessProbe": {"tcpSocket": {"port": 1}, "successThreshold": 2}},
            f"{C}.livenessProbe.successThreshold",
            "must be 1",
        ),
        ({f"{C}.resources": {"limits": {"cpu": "two"}}}, f"{C}.resources.limits.cpu", "quantity"),
        ({f"{C}.lifecycle": {"preStop": {}}}, f"{C}.lifecycle.preStop", "exactly one"),
    ],
)
def test_invalid_deployments(errors_with, changes, path, message):
    errors = errors_with("Deployment", changes)
    assert any(error.path == path and message in str(error) for error in errors), errors


def test_a_pod_with_an_address_needs_no_containers(errors_with):
    assert errors_with("Pod", {"spec": {}, "status": {"podIP": "10.0.0.1"}}) == []
    (error,) = errors_with("Pod", {"spec": {}})
    assert error.path == "spec.containers"
