from __future__ import annotations

import json

import pytest

from modelyard.exchange.trusted_headers import TRUSTED_PREFIXES
from modelyard.resources.loading import load_documents


def load(plugin, root="bbr"):
    return load_documents(json.dumps({root: {"plugins": [plugin]}, "provider": {"name": "gke"}}), "v.yaml")


@pytest.mark.parametrize("root", ["bbr", "payloadProcessor"])
@pytest.mark.parametrize(
    "parameters",
    [
        {"field_name": "model", "header_name": "X-Gateway-Model-Name"},
        {"fieldName": "model", "headerName": "X-Gateway-Model-Name"},
    ],
)
def test_both_spellings_and_both_roots(root, parameters):
    (values,) = load({"type": "body-field-to-header", "name": "n", "json": parameters}, root).objects
    (plugin,) = values.plugins
    assert (plugin.field_name, plugin.header_name) == ("model", "X-Gateway-Model-Name")


def test_header_defaults_to_the_field():
    (values,) = load({"type": "body-field-to-header", "json": {"field_name": "user"}}).objects
    assert values.plugins[0].header_name == "X-Gateway-user"


@pytest.mark.parametrize(
    ("plugin", "path", "message"),
    [
        ({"type": "body-field-to-headers"}, "bbr.plugins[0].type", "did you mean 'body-field-to-header'?"),
        ({"type": "body-field-to-header"}, "bbr.plugins[0].json.field_name", "is required"),
        (
            {"type": "body-field-to-header", "json": {"field_name": "m", "header_name": "a b"}},
            "bbr.plugins[0].json.header_name",
            "header name",
        ),
        (
            {"type": "body-field-to-header", "json": {"field_name": "m", "headr_name": "a"}},
            "bbr.plugins[0].json.headr_name",
            "did you mean 'header_name'?",
        ),
        ({"type": "base-model-to-header", "json": {"x": 1}}, "bbr.plugins[0].json.x", "unknown parameter"),
    ],
)
def test_invalid(plugin, path, message):
    errors = load(plugin).errors
    assert any(error.path == path and message in str(error) for error in errors), errors


REFUSED = [
    "Content-Length",
    "transfer_encoding",
    "HOST",
    "Connection",
    "Keep-Alive",
    "TE",
    "Upgrade",
    ":authority",
    ":path",
    "X-Envoy-Original-Dst-Host",
    "X-Forwarded-Host",
    "X-Gateway-Destination-Endpoint",
    "x-gateway-destination-endpoint-served",
    *(f"{prefix}a" for prefix in TRUSTED_PREFIXES),
]


@pytest.mark.parametrize("header", REFUSED)
@pytest.mark.parametrize("key", ["header_name", "headerName"])
def test_headers_that_frame_or_route_are_refused(key, header):
    (error,) = load({"type": "body-field-to-header", "json": {"field_name": "n", key: header}}).errors
    assert error.path == "bbr.plugins[0].json.header_name"
    assert repr(header) in str(error)
    assert "allowed: a name of its own, such as X-Gateway-Model-Name" in str(error)


def test_a_header_that_a_field_makes_is_held_to_the_same():
    assert load({"type": "body-field-to-header", "json": {"field_name": "destination-endpoint"}}).errors


@pytest.mark.parametrize("header", ["X-Gateway-Model-Name", "x-model", "X-Gateway-Inference-Objective", "X-Hosts"])
def test_others_are_allowed(header):
    assert not load({"type": "body-field-to-header", "json": {"field_name": "n", "header_name": header}}).errors


def test_both_spellings_with_different_values():
    both = {"field_name": "a", "fieldName": "b", "header_name": "X-A", "headerName": "X-B"}
    first, second = load({"type": "body-field-to-header", "json": both}).errors
    assert (first.path, first.message) == (
        "bbr.plugins[0].json.field_name",
        "is 'a', and fieldName is 'b': give one of them",
    )
    assert second.path == "bbr.plugins[0].json.header_name"
    same = {"field_name": "a", "fieldName": "a", "header_name": "X-A", "headerName": "X-A"}
    assert not load({"type": "body-field-to-header", "json": same}).errors
