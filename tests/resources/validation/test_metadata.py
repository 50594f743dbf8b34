from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"metadata": {}}, "metadata.name", "is required"),
        ({"metadata.name": "a_b"}, "metadata.name", "no DNS name"),
        ({"metadata.namespace": "my_namespace"}, "metadata.namespace", "no DNS label"),
        ({"metadata.labels": {"a b": "c"}}, 'metadata.labels["a b"]', "no label key"),
        ({"metadata.labels": {"a": "c d"}}, "metadata.labels.a", "no label value"),
        ({"metadata.creationTimestamp": "yesterday"}, "metadata.creationTimestamp", "RFC 3339"),
        ({"metadata.creationTimestamp": "2025-01-01T00:00:00"}, "metadata.creationTimestamp", "RFC 3339"),
    ],
)
def test_invalid(errors_with, changes, path, message):
    (error,) = errors_with("ConfigMap", changes)
    assert error.path == path
    assert message in error.message


def test_fields_of_the_cluster_are_skipped(errors_with):
    changes = {
        "metadata.managedFields": [{}],
        "metadata.creationTimestamp": "2025-01-31T12:00:00Z",
        "status": {"conditions": []},
    }
    assert errors_with("Gateway", changes) == []


@pytest.mark.parametrize(
    ("requirement", "ok"),
    [
        ({"key": "a", "operator": "In", "values": ["b"]}, True),
        ({"key": "a", "operator": "In"}, False),
        ({"key": "a", "operator": "Exists"}, True),
        ({"key": "a", "operator": "Exists", "values": ["b"]}, False),
    ],
)
def test_selector_requirements(errors_with, requirement, ok):
    namespaces = {"from": "Selector", "selector": {"matchExpressions": [requirement]}}
    errors = errors_with("Gateway", {"spec.listeners[0].allowedRoutes": {"namespaces": namespaces}})
    assert (errors == []) is ok
