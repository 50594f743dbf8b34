"""Headers out of a body."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.exchange.gateway import Gateway
from modelyard.exchange.routed_body import headers_of_beginning, routing_headers, scanned_model
from modelyard.http1.message_heads import RequestHead

from .conftest import Playbook

ROUTER = """
apiVersion: v1
kind: ConfigMap
metadata: {name: gemma, labels: {inference.networking.k8s.io/bbr-managed: "true"}}
data: {baseModel: gemma, adapters: "- food"}
---
bbr:
  plugins:
  - {type: body-field-to-header, name: model, json: {fieldName: model, headerName: X-Model}}
  - {type: body-field-to-header, name: user, json: {fieldName: user, headerName: X-User}}
"""


@pytest.fixture(scope="module")
def gateway() -> Gateway:
    return Playbook(ROUTER).gateway


def head(path: str = "/v1/completions", **fields: str) -> RequestHead:
    return RequestHead("POST", path, path, "", 1, "", "", [], {name.replace("_", "-"): v for name, v in fields.items()})


def test_fields_and_base(gateway: Gateway) -> None:
    body = b'{"user": 5, "model": "food"}'
    wanted = [("x-model", "food"), ("x-user", "5"), ("x-gateway-base-model-name", "gemma")]
    assert routing_headers(gateway, head(), body, base_model=True) == (wanted, "food")
    assert routing_headers(gateway, head(), body, base_model=False)[0] == wanted[:2]
    for path in ("/any", ""):
        assert routing_headers(gateway, head(path), body, base_model=True)[0] == wanted


def test_a_form(gateway: Gateway) -> None:
    form = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nfood\r\n--b--\r\n'
    for path in ("/v1/audio/transcriptions", "/any"):
        fields, model = routing_headers(
            gateway, head(path, content_type="multipart/form-data; boundary=b"), form, base_model=False
        )
        assert (fields, model) == ([("x-model", "food")], "food")


@pytest.mark.parametrize("text", [b'{"model": "food', b'{"model"', b"", b'{"a": {"model": "food"}', b"nonsense"])
def test_beginnings_without_a_model(text: bytes) -> None:
    assert scanned_model(text) is None


def test_a_beginning(gateway: Gateway) -> None:
    fields = headers_of_beginning(gateway, b'{"a": [1, {"model": "x"}], "model": "food", "pro', base_model=True)
    assert fields == [("x-model", "food"), ("x-gateway-base-model-name", "gemma")]


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode), st.sampled_from(["/v1/completions", "/x", ""]))
def test_any_body_is_read(body: bytes, path: str) -> None:
    gateway = _gateway()
    routing_headers(gateway, head(path), body, base_model=True)
    headers_of_beginning(gateway, body, base_model=True)


_kept: list[Any] = []


def _gateway() -> Gateway:
    if not _kept:
        _kept.append(Playbook(ROUTER).gateway)
    gateway: Gateway = _kept[0]
    return gateway
