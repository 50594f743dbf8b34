from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("Service", {"spec.clusterIP": "None", "spec.ports": []}),
        ("Service", {"spec": {"type": "ExternalName", "externalName": "a.example"}}),
        ("Service", {"spec.ports": [{"name": "a", "port": 1, "targetPort": "http"}, {"name": "b", "port": 2}]}),
        ("EndpointSlice", {"addressType": "IPv6", "endpoints": [{"addresses": ["::1"]}]}),
        ("EndpointSlice", {"endpoints[0].conditions": {"ready": True}, "endpoints[0].targetRef": {"name": "p"}}),
        ("Secret", {"data": {"a": "YQ==\n"}, "stringData": {"b": "text"}}),
        ("ConfigMap", {"binaryData": {"b": "AAE="}}),
    ],
)
def test_valid(errors_with, kind, changes):
    assert errors_with(kind, changes) == []


@pytest.mark.parametrize(
    ("kind", "changes", "path", "message"),
    [
        ("Service", {"metadata.name": "1a"}, "metadata.name", "start with a letter"),
        ("Service", {"spec.ports": []}, "spec.ports", "at least one"),
        ("Service", {"spec.ports[0].port": 0}, "spec.ports[0].port", "1 to 65535"),
        ("Service", {"spec.ports[0].targetPort": "80"}, "spec.ports[0].targetPort", "without quotes"),
        ("Service", {"spec.ports": [{"port": 1}, {"name": "b", "port": 2}]}, "spec.ports[0].name", "several ports"),
        (
            "Service",
            {"spec.ports": [{"name": "a", "port": 1}, {"name": "b", "port": 1}]},
            "spec.ports[1]",
            "another port",
        ),
        ("Service", {"spec.type": "ExternalName"}, "spec.externalName", "is required"),
        ("Service", {"spec.selectr": {}}, "spec.selectr", "did you mean 'selector'?"),
        ("EndpointSlice", {"endpoints[0].addresses": []}, "endpoints[0].addresses", "1 to 100"),
        ("EndpointSlice", {"endpoints[0].addresses": ["::1"]}, "endpoints[0].addresses[0]", "addressType IPv4"),
        ("EndpointSlice", {"endpoints[0].addresses": ["x"]}, "endpoints[0].addresses[0]", "no IP address"),
        ("EndpointSlice", {"ports": [{"port": 1}, {"port": 2}]}, "ports", "two ports"),
        ("Secret", {"data": {"a": "not base64"}}, "data.a", "not valid base64"),
        ("Secret", {"data": {"a/b": "YQ=="}}, 'data["a/b"]', "no key"),
        ("ConfigMap", {"binaryData": {"a.yaml": "AAE="}}, 'binaryData["a.yaml"]', "key of data too"),
    ],
)
def test_invalid(errors_with, kind, changes, path, message):
    errors = errors_with(kind, changes)
    assert any(error.path == path and message in str(error) for error in errors), errors


def test_no_message_holds_a_secret_value(errors_with):
    errors = errors_with(
        "Secret", {"data": {"a": "hunter2!"}, "stringData": {"b": 31337, "c": True}, "immutable": "hunter3"}
    )
    assert len(errors) == 4
    assert not any(value in str(error) for error in errors for value in ("hunter", "31337"))
