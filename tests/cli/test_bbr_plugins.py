from __future__ import annotations

import re

import pytest

from modelyard.cli.bbr_plugins import BadPlugin, body_plugins


def test_plugins_are_split_at_the_first_two_colons() -> None:
    (first, second) = body_plugins(
        ['body-field-to-header:tier:{"fieldName": "service_tier", "headerName": "X-Tier"}', "base-model-to-header:base"]
    )
    assert (first.name, first.field_name, first.header_name) == ("tier", "service_tier", "X-Tier")
    assert (second.type, second.name) == ("base-model-to-header", "base")


def test_snake_case_and_a_header_by_default() -> None:
    (plugin,) = body_plugins(['body-field-to-header:x:{"field_name": "model"}'])
    assert plugin.header_name == "X-Gateway-model"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("body-field-to-header", "TYPE:NAME"),
        (":x", "TYPE:NAME"),
        ("default-bbr:x", "allowed: body-field-to-header, base-model-to-header, no-op-plugin"),
        ("body-field-to-header:x", "is required"),
        ("body-field-to-header:x:[]", "no JSON object"),
        ("body-field-to-header:x:{", "no JSON object"),
        ('body-field-to-header:x:{"field": "model"}', "unknown parameter"),
        ('body-field-to-header:x:{"fieldName": "model", "headerName": "a b"}', "header"),
        (
            'body-field-to-header:x:{"fieldName": "n", "headerName": "Content-Length"}',
            "'Content-Length' frames the request",
        ),
        ('body-field-to-header:x:{"fieldName": "n", "headerName": "X-Envoy-A"}', "allowed: a name of its own"),
        ('body-field-to-header:x:{"fieldName": "n", "field_name": "m"}', "give one of them"),
    ],
)
def test_what_is_wrong_is_told(text: str, told: str) -> None:
    with pytest.raises(BadPlugin, match=re.escape(told)) as caught:
        body_plugins([text])
    assert repr(text) in str(caught.value)
