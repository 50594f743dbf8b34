from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.bodies import json_request
from modelyard.bodies.facts import BodyError
from modelyard.bodies.json_request import (
    ABSENT,
    LARGE_BYTES,
    MAX_DEPTH,
    MAX_PROMPT_BYTES,
    Count,
    JsonReader,
    JsonRequest,
    prompt_facts,
    read_json_field,
    walk,
)
from modelyard.bodies.json_scan import TOP_LEVEL_MODEL


class Shape(JsonRequest):
    messages: msgspec.Raw = ABSENT
    stream: bool | None = None
    max_tokens: Count | None = None


READER = JsonReader(Shape)


def model_of(body: bytes) -> str | None:
    return READER.read(body, "application/json", "")[1]


def large(body: bytes) -> bytes:
    """The same object, with a member that makes it large in front."""
    return b'{"padding":"' + b"x" * LARGE_BYTES + b'",' + body.lstrip()[1:]


NAMES = [
    (b'{"model":"a"}', "a"),
    (b'\t{ "model" : "a" }\r\n', "a"),
    (b'{"\\u006dodel":"a"}', "a"),
    (b'{"messages":[{"model":"n"}],"x":{"model":"m"},"model":"a"}', "a"),
    (b'{"x":"\\"model\\":\\"n\\"","model":"a"}', "a"),
    (b'{"model":"\\u0061\\/b"}', "a/b"),
    (b'{"model":"/gcs/google/gemma-2-9b-it"}', "/gcs/google/gemma-2-9b-it"),
    ('{"model":"模型-é"}'.encode(), "模型-é"),
    (b'{"model":"\\ud83d\\ude00"}', "\N{GRINNING FACE}"),
    (b'{"x":1}', None),
    (b'{"x":{"model":"n"}}', None),
    (b'{"Model":"a","MODEL":"b"}', None),
]


@pytest.mark.parametrize(("body", "name"), NAMES)
def test_reads_the_model(body: bytes, name: str | None) -> None:
    assert model_of(body) == name
    assert model_of(large(body)) == name


HOSTILE = {
    "empty": b"",
    "blank": b"  ",
    "array": b'[{"model":"a"}]',
    "string": b'"model"',
    "null": b"null",
    "trailing text": b'{"model":"a"} x',
    "two objects": b'{"model":"a"}{"model":"b"}',
    "cut off": b'{"model":"a"',
    "trailing comma": b'{"model":"a",}',
    "comment": b'{"model":"a"/**/}',
    "single quotes": b"{'model':'a'}",
    "NaN": b'{"model":"a","x":NaN}',
    "NaN inside a field kept raw": b'{"model":"a","messages":[NaN]}',
    "Infinity": b'{"model":"a","x":-Infinity}',
    "leading zero": b'{"model":"a","x":01}',
    "control character": b'{"model":"a","x":"\x01"}',
    "NUL": b'{"model":"a"}\x00',
    "byte order mark": b'\xef\xbb\xbf{"model":"a"}',
    "UTF-16": '{"model":"a"}'.encode("utf-16"),
    "UTF-16 without mark": '{"model":"a"}'.encode("utf-16-le"),
    "UTF-32": '{"model":"a"}'.encode("utf-32"),
    "invalid UTF-8": b'{"model":"a","x":"\xff"}',
    "invalid UTF-8 in a key": b'{"model":"a","mod\xffel":"b"}',
    "overlong UTF-8": b'{"model":"a","x":"\xc0\xaf"}',
    "UTF-8 surrogate": b'{"model":"a","x":"\xed\xa0\x80"}',
    "UTF-8 cut off": b'{"model":"a","x":"\xe4\xbd"}',
    "lone surrogate": b'{"model":"a","x":"\\ud800"}',
    "bad escape": b'{"model":"a","x":"\\q"}',
    "deep array": b'{"model":"a","x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "deep object": b'{"model":"a","x":' + b'{"y":' * 5_000 + b"1" + b"}" * 5_001,
    "deep in a field kept raw": b'{"model":"a","messages":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "deep model": b'{"model":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "very deep and cut off": b'{"model":"a","x":' + b"[" * 2_000_000,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_refuses_what_parsers_could_read_in_different_ways(body: bytes) -> None:
    with pytest.raises(BodyError) as caught:
        model_of(body)
    assert caught.value.status == 400
    assert caught.value.code == "invalid_json"
    if body.startswith(b'{"'):
        with pytest.raises(BodyError):
            model_of(large(body))


BAD_MODELS = {
    "number": b'{"model":1}',
    "null": b'{"model":null}',
    "true": b'{"model":true}',
    "list": b'{"model":["a"]}',
    "object": b'{"model":{"model":"a"}}',
    "empty": b'{"model":""}',
    "control character": b'{"model":"a\\u0000"}',
    "line feed": b'{"model":"a\\nx-other: 1"}',
    "outer space": b'{"model":" a"}',
    "1 MB": b'{"model":"' + b"a" * 1_000_000 + b'"}',
    "twice": b'{"model":"a","model":"b"}',
    "twice the same": b'{"model":"a","model":"a"}',
    "twice, escaped": b'{"model":"a","mod\\u0065l":"b"}',
    "twice, first null": b'{"model":null,"model":"b"}',
    "twice, last null": b'{"model":"a","model":null}',
    "twice, first empty": b'{"model":"","model":"a"}',
    "twice, far apart": b'{"model":"a","messages":[' + b'{"content":"x"},' * 1_000 + b'1],"model":"b"}',
    "twice, another field odd": b'{"model":"a","stream":"yes","model":"b"}',
}


@pytest.mark.parametrize("body", BAD_MODELS.values(), ids=BAD_MODELS.keys())
def test_refuses_a_model_that_is_not_one_name(body: bytes) -> None:
    for text in (body, large(body)):
        with pytest.raises(BodyError) as caught:
            model_of(text)
        assert (caught.value.status, caught.value.param) == (400, "model")


def test_a_refused_body_leaves_nothing_behind() -> None:
    with pytest.raises(BodyError):
        model_of(b'{"model":"a","model":"b"')
    assert model_of(b'{"x":1}') is None


def test_a_huge_list_as_model_is_not_decoded() -> None:
    with pytest.raises(BodyError, match=r"not a string|objects and arrays"):
        model_of(b'{"model":[' + b"[]," * 1_000_000 + b"1]}")


def test_reads_the_model_behind_a_large_message() -> None:
    body = json.dumps({"messages": [{"content": "x\n" * 2_500_000}], "model": "a"}).encode()
    assert model_of(body) == "a"


@pytest.mark.parametrize("depth", [500, 100])
def test_reads_what_is_nested_as_real_requests_are(depth: int) -> None:
    assert model_of(b'{"x":' + b"[" * depth + b"]" * depth + b',"model":"a"}') == "a"


def test_the_walk_bounds_depth_and_size_where_the_interpreter_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_request, "_STACK_BOUNDS_DEPTH", False)
    wide = b'{"model":"a","x":[' + b"{}," * 2 * MAX_DEPTH + b"1]}"
    assert model_of(wide) == "a"
    assert model_of(large(wide)) == "a"
    with pytest.raises(BodyError, match="deeper"):
        walk(b"[" * (MAX_DEPTH + 1), TOP_LEVEL_MODEL)
    with pytest.raises(BodyError, match="objects and arrays"):
        walk(b'{"x":[' + b"[]," * json_request.MAX_CONTAINERS, TOP_LEVEL_MODEL)


def test_a_field_that_is_nested_too_deeply_for_its_own_decoder_is_refused() -> None:
    deep = msgspec.Raw(b"[" * 100_000 + b"]" * 100_000)
    with pytest.raises(BodyError, match="deeper"):
        json_request._tolerated(msgspec.json.Decoder(list), deep)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip", "x"])
def test_compressed_bodies_are_refused_unread(encoding: str) -> None:
    with pytest.raises(BodyError) as caught:
        READER.read(b'{"model":"a"}', "application/json", encoding)
    assert caught.value.status == 415


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_plain_bodies_are_read(encoding: str) -> None:
    assert READER.read(b'{"model":"a"}', "application/json", encoding)[1] == "a"


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "application/json; charset=utf-8", "application/x+json", "text/plain"]
)
def test_content_type_is_the_engines_to_judge(content_type: str) -> None:
    assert READER.read(b'{"model":"a"}', content_type, "")[1] == "a"


def test_multipart_is_refused() -> None:
    with pytest.raises(BodyError) as caught:
        READER.read(b'{"model":"a"}', "Multipart/form-data; boundary=x", "")
    assert caught.value.status == 415


@pytest.mark.parametrize(
    ("body", "stream", "max_tokens"),
    [
        (b'{"stream":true,"max_tokens":5}', True, 5),
        (b'{"stream":false,"max_tokens":null}', False, None),
        (b'{"stream":"true","max_tokens":5}', None, 5),
        (b'{"stream":1,"max_tokens":-5}', None, None),
        (b'{"stream":true,"max_tokens":1e400}', True, None),
        (b'{"stream":true,"max_tokens":[[]]}', True, None),
        (b'{"stream":true,"max_tokens":' + b"9" * 10_000 + b"}", True, None),
    ],
)
def test_fields_of_other_types_count_as_absent(body: bytes, stream: bool | None, max_tokens: int | None) -> None:
    for text in (body, large(body)):
        request, _ = READER.read(text, "", "")
        assert (request.stream, request.max_tokens) == (stream, max_tokens)


def test_raw_fields_are_kept_as_sent() -> None:
    request, _ = READER.read(b'{"messages": [ 1 ,"\\u0061"] ,"model":"a"}', "", "")
    assert bytes(request.messages) == b'[ 1 ,"\\u0061"]'


def test_prompts_are_joined_and_cut() -> None:
    parts = [msgspec.Raw(b"a" * 100), msgspec.Raw(b"b" * MAX_PROMPT_BYTES)]
    prompt, tokens = prompt_facts(*parts)
    assert prompt == b"a" * 100 + b"b" * (MAX_PROMPT_BYTES - 100)
    assert tokens == (MAX_PROMPT_BYTES + 100) // 4
    assert prompt_facts(ABSENT, msgspec.Raw(b"[1]")) == (b"[1]", 0)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"user":"u"}', "u"),
        (b'{"us\\u0065r":"\\u0075"}', "u"),
        (b'{"user":12}', "12"),
        (b'{"user":-1.5e3}', "-1.5e3"),
        (b'{"user":true}', "true"),
        (b'{"user":null}', None),
        (b'{"user":"null"}', "null"),
        (b'{"user":""}', None),
        (b'{"x":{"user":"u"}}', None),
    ],
)
def test_reads_another_field_as_text(body: bytes, value: str | None) -> None:
    assert read_json_field(body, "user") == value


@pytest.mark.parametrize(
    "body",
    [
        b'{"user":[]}',
        b'{"user":{}}',
        b'{"user":"a","user":"b"}',
        b'{"user":"a\\r\\n"}',
        b'{"user":"a"',
        b"[]",
        b'{"\xff":1}',
    ],
)
def test_refuses_another_field_that_is_not_one_text(body: bytes) -> None:
    with pytest.raises(BodyError) as caught:
        read_json_field(body, "user")
    assert caught.value.status == 400


def test_fields_with_odd_names_can_be_read() -> None:
    assert read_json_field('{"a b.é":"x"}'.encode(), "a b.é") == "x"
    assert read_json_field(b'{"a\\"c":"x"}', 'a"c') is None


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["model", "stream", "x", "\\"]), inner, max_size=3)
    ),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.sampled_from(["model", "messages", "x", '"model"']), JSON_VALUES, max_size=4)


@settings(max_examples=150)
@given(members=OBJECTS, name=st.text("ab/é模\N{GRINNING FACE}", min_size=1, max_size=9), ascii_only=st.booleans())
def test_reads_what_any_encoder_writes(members: dict[str, Any], name: str, ascii_only: bool) -> None:
    members["model"] = name
    assert model_of(json.dumps(members, ensure_ascii=ascii_only).encode()) == name


@settings(max_examples=300)
@given(
    members=OBJECTS,
    edits=st.lists(st.tuples(st.integers(0, 300), st.sampled_from(list(b'"\\{}[]:,ml\x00\xff u'))), max_size=3),
)
def test_what_is_read_is_what_python_engines_read(members: dict[str, Any], edits: list[tuple[int, int]]) -> None:
    body = bytearray(json.dumps(members | {"model": "a"}).encode())
    for at, byte in edits:
        body[at % len(body)] = byte
    try:
        model = model_of(bytes(body))
    except BodyError:
        return
    pairs: list[tuple[str, Any]] = json.loads(bytes(body), object_pairs_hook=list)
    assert [value for key, value in pairs if key == "model"] == ([] if model is None else [model])
