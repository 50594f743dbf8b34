from __future__ import annotations

import pytest

REF = "schedulingProfiles[0].plugins[0].pluginRef"


@pytest.mark.parametrize(
    "changes",
    [
        {"flowControl": {"defaultRequestTTL": "1.5h", "priorityBands": [{"priority": 1, "maxRequests": "2k"}]}},
        {"plugins[1]": {"name": "b", "type": "queue-scorer", "parameters": {"any": [1]}}},
        {"data": {"sources": [{"pluginRef": "queue-scorer"}]}},
        {"flowControl": {"saturationDetector": {}}},
        {"dataLayer": {"crossReplicaSyncInterval": "1s", "peerDiscovery": {"pluginRef": "queue-scorer"}}},
        {"dataLayer": {"discovery": {"pluginRef": "queue-scorer"}}},
        {"requestHandler": {"parsers": [{"pluginRef": "queue-scorer"}]}},
        {"apiVersion": "inference.networking.x-k8s.io/v1alpha1"},
    ],
)
def test_valid(errors_with, changes):
    assert errors_with("EndpointPickerConfig", changes) == []


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({REF: "queue-scorr"}, REF, "did you mean 'queue-scorer'?"),
        ({"plugins[1]": {"type": "queue-scorer"}}, "plugins[1]", "two plugins"),
        ({"schedulingProfiles[1]": {"name": "default"}}, "schedulingProfiles[1].name", "name of its own"),
        ({"flowControl": {"defaultRequestTTL": "soon"}}, "flowControl.defaultRequestTTL", "duration"),
        ({"data": {"sources": [{"pluginRef": "x"}]}}, "data.sources[0].pluginRef", "no plugin"),
        ({"flowControl": {"maxBytes": "-1"}}, "flowControl.maxBytes", "negative"),
        ({"flowControl": {"priorityBands": [{}, {}]}}, "flowControl.priorityBands[1].priority", "two bands"),
    ],
)
def test_invalid(errors_with, changes, path, message):
    errors = errors_with("EndpointPickerConfig", changes)
    assert any(error.path == path and message in str(error) for error in errors), errors
