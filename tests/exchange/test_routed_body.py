"""Headers out of a body."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.bodies.json_request import decode, json_member
from modelyard.exchange.gateway import Gateway
from modelyard.exchange.routed_body import ModelMember, headers_of_beginning, routing_headers, scanned_model
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


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/any", ""])
@pytest.mark.parametrize(("value", "name"), [("42", "42"), ("4.20", "4.20"), ("true", "true"), ('"food"', "food")])
def test_a_model_that_is_no_text_is_set_as_it_is_written(gateway: Gateway, path: str, value: str, name: str) -> None:
    body = f'{{"model": {value}}}'.encode()
    fields, model = routing_headers(gateway, head(path), body, base_model=False)
    assert (fields, model) == ([("x-model", name)], name)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/any"])
@pytest.mark.parametrize("value", ["null", "[1]", '{"a": 1}', '""', '"a", "model": 42', '42, "model": 42'])
def test_what_is_no_name_on_any_path(gateway: Gateway, path: str, value: str) -> None:
    assert routing_headers(gateway, head(path), f'{{"model": {value}}}'.encode(), base_model=True) == ([], None)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/any"])
def test_adapters_are_found_without_the_spaces_around_their_name(gateway: Gateway, path: str) -> None:
    """Header values have none, so the name itself cannot be told as it is."""
    body = b'{"model": "  food "}'
    assert routing_headers(gateway, head(path), body, base_model=True) == (
        [("x-gateway-base-model-name", "gemma")],
        None,
    )
    assert routing_headers(gateway, head(path), b'{"model": " other "}', base_model=True) == ([], None)


class Counts:
    """A ``Watch`` that keeps what it hears."""

    def __init__(self) -> None:
        self.absent: list[str] = []
        self.empty: list[str] = []

    def begin(self) -> None: ...

    def ran(self, kind: str, name: str) -> None: ...

    def lacks(self, field: str) -> None:
        self.absent.append(field)

    def has_empty(self, field: str) -> None:
        self.empty.append(field)


@pytest.mark.parametrize(
    ("value", "absent", "empty"),
    [
        ("", ["model"], []),
        ('"model": null, ', [], ["model"]),
        ('"model": "", ', [], ["model"]),
        ('"model": [], ', [], []),
    ],
)
def test_a_model_that_is_not_there_is_looked_for_once(
    gateway: Gateway, value: str, absent: list[str], empty: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def counted(body: bytes, field: str) -> bytes:
        looked.append(field)
        return json_member(body, field)

    monkeypatch.setattr("modelyard.exchange.routed_body.json_member", counted)
    body = f'{{{value}"user": "me"}}'.encode()
    counts, member = Counts(), ModelMember(body)
    fields, model = routing_headers(gateway, head(), body, base_model=True, watch=counts, member=member)
    assert (fields, model) == ([("x-user", "me")], None)
    assert (counts.absent, counts.empty, bool(member.written)) == (absent, empty, bool(value))
    assert looked == ["model"]


def test_a_body_without_model_is_gone_through_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once as the path's dialect, and once for what is written there."""
    passes: list[bytes] = []

    def counted(decoder: Any, body: bytes) -> Any:
        passes.append(body)
        return decode(decoder, body)

    monkeypatch.setattr("modelyard.bodies.json_request.decode", counted)
    only_model = Playbook(ROUTER[: ROUTER.index("  - {type: body-field-to-header, name: user")]).gateway
    body = b'{"prompt": "a"}'
    assert routing_headers(only_model, head(), body, base_model=True, watch=Counts()) == ([], None)
    assert len(passes) == 2


def test_the_longest_name(gateway: Gateway) -> None:
    for size, found in ((1024, True), (1025, False), (9000, False)):
        fields, _ = routing_headers(gateway, head(), f'{{"model": "{"x" * size}"}}'.encode(), base_model=True)
        assert bool(fields) == found
