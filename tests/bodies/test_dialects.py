from __future__ import annotations

import json

import pytest

from modelyard.bodies.dialects import BY_PATH, dialect_for, read_field
from modelyard.bodies.facts import BodyError

JSON_PATHS = [path for path in BY_PATH if not path.startswith("/v1/audio/trans")]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/chat/completions", "openai-chat"),
        ("/v1/completions", "openai-completions"),
        ("/v1/responses", "openai-responses"),
        ("/v1/embeddings", "openai-embeddings"),
        ("/v1/rerank", "rerank-score"),
        ("/score", "rerank-score"),
        ("/v1/audio/transcriptions", "openai-audio"),
        ("/tokenize", "vllm-tokenize"),
        ("/v1/messages", "anthropic-messages"),
        ("/v1/messages/count_tokens", "anthropic-count-tokens"),
        ("/v1/moderations", "model-only"),
    ],
)
def test_paths_have_their_dialect(path: str, name: str) -> None:
    dialect = dialect_for("POST", path)
    assert dialect is not None
    assert dialect.name == name


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models"),
        ("GET", "/v1/chat/completions"),
        ("post", "/v1/chat/completions"),
        ("POST", "/V1/chat/completions"),
        ("POST", "/v1/chat/completions/"),
        ("POST", "/v1/responses/resp_1/cancel"),
        ("POST", "/upload"),
    ],
)
def test_anything_else_passes_by_path(method: str, path: str) -> None:
    assert dialect_for(method, path) is None


@pytest.mark.parametrize("path", JSON_PATHS)
def test_every_json_dialect_is_equally_strict(path: str) -> None:
    dialect = dialect_for("POST", path)
    assert dialect is not None
    assert dialect.read(b'{"x":{"model":"n"},"mod\\u0065l":"a"}', "application/json", "").model == "a"
    assert dialect.read(b"{}", "application/json", "").dialect == dialect.name
    for body in (b'{"model":"a","model":"b"}', b'{"model":1}', b"[]", b'{"model":"a","x":NaN}', b"\x1f\x8b"):
        with pytest.raises(BodyError) as caught:
            dialect.read(body, "application/json", "")
        assert caught.value.status == 400
    with pytest.raises(BodyError):
        dialect.read(b'{"model":"a"}', "application/json", "gzip")


@pytest.mark.parametrize("path", JSON_PATHS)
def test_every_json_dialect_survives_fields_of_any_type(path: str) -> None:
    dialect = dialect_for("POST", path)
    assert dialect is not None
    fields = [
        "messages",
        "prompt",
        "input",
        "stream",
        "stream_options",
        "max_tokens",
        "n",
        "best_of",
        "tools",
        "system",
    ]
    for value in (None, True, 0, -1, 1e300, 2**70, "", "x", [], [[]], {}, {"model": "n"}):
        body = json.dumps(dict.fromkeys(fields, value) | {"model": "a"}).encode()
        facts = dialect.read(body, "", "")
        assert facts.model == "a"
        assert facts.n >= 1


FORM = b'--b\r\nContent-Disposition: form-data; name="user"\r\n\r\nu\r\n--b--\r\n'


@pytest.mark.parametrize(
    ("body", "content_type", "value"),
    [
        (b'{"user":"u"}', "application/json", "u"),
        (b' \n{"user":7}', "", "7"),
        (b'{"x":1}', "application/json", None),
        (FORM, "multipart/form-data; boundary=b", "u"),
        (b"\x00\x01binary", "application/octet-stream", None),
        (b"", "", None),
        (b"user=u", "application/x-www-form-urlencoded", None),
    ],
)
def test_reads_a_configured_field(body: bytes, content_type: str, value: str | None) -> None:
    assert read_field(body, content_type, "user") == value


def test_refuses_a_configured_field_that_is_ambiguous() -> None:
    for body in (b'{"user":"a","user":"b"}', b'{"user":["a"]}', b'{"user":"a"'):
        with pytest.raises(BodyError):
            read_field(body, "application/json", "user")
