from __future__ import annotations

import pytest

PICKER = {"name": "epp", "port": {"number": 9002}}


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("InferencePool", {"spec.targetPorts": [{"number": port} for port in range(8000, 8008)]}),
        ("InferencePool", {"spec.endpointPickerRef": PICKER, "spec.appProtocol": "kubernetes.io/h2c"}),
        ("InferenceModel", {"spec.targetModels": [{"name": "a", "weight": 1}, {"name": "b", "weight": 9}]}),
        ("InferenceModel", {"spec.targetModels": [{"name": "a"}, {"name": "b"}]}),
        ("InferenceObjective", {"spec.priority": -5}),
        ("InferenceObjective", {"apiVersion": "inference.networking.x-k8s.io/v1alpha2"}),
        ("InferenceModelRewrite", {"spec.rules[0].matches": []}),
    ],
)
def test_valid(errors_with, kind, changes):
    assert errors_with(kind, changes) == []


@pytest.mark.parametrize(
    ("kind", "changes", "path", "message"),
    [
        ("InferencePool", {"spec.targetPorts": []}, "spec.targetPorts", "1 to 8"),
        ("InferencePool", {"spec.targetPorts": [{"number": 1}] * 2}, "spec.targetPorts", "once"),
        ("InferencePool", {"spec.targetPorts": [{"number": p} for p in range(1, 10)]}, "spec.targetPorts", "1 to 8"),
        ("InferencePool", {"spec.targetPorts[0].number": 0}, "spec.targetPorts[0].number", "1 to 65535"),
        ("InferencePool", {"spec.selector.matchLabels": {}}, "spec.selector.matchLabels", "1 to 64"),
        ("InferencePool", {"spec.selector": {"app": "vllm"}}, "spec.selector.matchLabels", "is required"),
        ("InferencePool", {"spec.endpointPickerRef": {"name": "epp"}}, "spec.endpointPickerRef.port", "required"),
        ("OldInferencePool", {"spec.targetPortNumber": 70000}, "spec.targetPortNumber", "1 to 65535"),
        ("OldInferencePool", {"spec.extensionRef.portNumber": 0}, "spec.extensionRef.portNumber", "1 to 65535"),
        ("OldInferencePool", {"spec.targetPorts": []}, "spec.targetPorts", "did you mean 'targetPortNumber'?"),
        ("InferenceModel", {"spec.modelName": ""}, "spec.modelName", "1 to 256"),
        ("InferenceModel", {"spec.criticality": "critical"}, "spec.criticality", "did you mean 'Critical'?"),
        (
            "InferenceModel",
            {"spec.targetModels": [{"name": "a", "weight": 1}, {"name": "b"}]},
            "spec.targetModels",
            "all entries have a weight or none",
        ),
        (
            "InferenceModel",
            {"spec.targetModels": [{"name": "a", "weight": 0}]},
            "spec.targetModels[0].weight",
            "1 to 1000000",
        ),
        ("InferenceObjective", {"spec.priority": 2**31}, "spec.priority", "out of range"),
        (
            "InferenceModelRewrite",
            {"spec.rules[0].targets": [{"modelRewrite": "a", "weight": 1}, {"modelRewrite": "b"}]},
            "spec.rules[0].targets",
            "all entries",
        ),
        (
            "InferenceModelRewrite",
            {"spec.rules[0].matches[0].model.type": "Prefix"},
            "spec.rules[0].matches[0].model.type",
            "allowed: Exact",
        ),
    ],
)
def test_invalid(errors_with, kind, changes, path, message):
    errors = errors_with(kind, changes)
    assert any(error.path == path and message in str(error) for error in errors), errors
