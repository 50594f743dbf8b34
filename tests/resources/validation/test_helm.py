from __future__ import annotations

import json

import pytest

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
