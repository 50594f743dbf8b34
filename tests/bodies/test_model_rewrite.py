from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.bodies.facts import BodyError, RequestFacts
from modelyard.bodies.model_rewrite import rewrite_model
from modelyard.bodies.openai_audio import OpenAiAudio
from modelyard.bodies.openai_chat import OpenAiChat

CHAT = OpenAiChat()
AUDIO = OpenAiAudio()


def rewritten(body: bytes, model: str) -> bytes:
    return rewrite_model(body, CHAT.read(body, "", ""), model)


CASES = [
    (b'{"model":"a"}', b'{"model":"new"}'),
    (b' { "model" :\n"a" , "x" : 1 }', b' { "model" :\n"new" , "x" : 1 }'),
    (b'{"x":[{"model":"a"}],"model":"a","y":{"model":"a"}}', b'{"x":[{"model":"a"}],"model":"new","y":{"model":"a"}}'),
    (b'{"y":{"model":"a"},"model":"a","x":[{"model":"a"}]}', b'{"y":{"model":"a"},"model":"new","x":[{"model":"a"}]}'),
    (b'{"\\u006dodel":"a","x":{"model":"a"}}', b'{"\\u006dodel":"new","x":{"model":"a"}}'),
    (b'{"x":"\\"model\\":\\"a\\"","model":"\\u0061"}', b'{"x":"\\"model\\":\\"a\\"","model":"new"}'),
    (
        b'{"x":"model","y":"\\"model","model":"a","z":"model"}',
        b'{"x":"model","y":"\\"model","model":"new","z":"model"}',
    ),
    (
        b'{"seed":1.10,"model":"a","big":12345678901234567890}',
        b'{"seed":1.10,"model":"new","big":12345678901234567890}',
    ),
]


@pytest.mark.parametrize(("body", "expected"), CASES)
def test_changes_the_model_and_nothing_else(body: bytes, expected: bytes) -> None:
    assert rewritten(body, "new") == expected


def test_encodes_the_new_name() -> None:
    body = rewritten(b'{"model":"a"}', 'x"\\é模')
    assert json.loads(body) == {"model": 'x"\\é模'}


def test_leaves_alone_what_needs_no_change() -> None:
    body = b'{"model":"a"}'
    assert rewritten(body, "a") is body
    nameless = b'{"x":1}'
    assert rewritten(nameless, "new") is nameless


def test_changes_large_bodies() -> None:
    body = json.dumps({"messages": ["x\n" * 1_000_000], "model": "a", "y": [{"model": "n"}]}).encode()
    assert json.loads(rewritten(body, "new")) == json.loads(body) | {"model": "new"}


VALUES = st.recursive(
    st.none() | st.text('model":,{a\\', max_size=9) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["model", "a"]), inner, max_size=2),
    max_leaves=8,
)


@settings(max_examples=150)
@given(
    before=st.dictionaries(st.sampled_from(["a", "b", '"model"']), VALUES, max_size=3),
    after=st.dictionaries(st.sampled_from(["c", "d", "model\\"]), VALUES, max_size=3),
    old=st.text('ab"model/é', min_size=1, max_size=8),
    new=st.text('ab"\\model/é', min_size=1, max_size=8),
    indent=st.sampled_from([None, 2]),
)
def test_round_trip(before: dict[str, Any], after: dict[str, Any], old: str, new: str, indent: int | None) -> None:
    members = before | {"model": old} | after
    body = json.dumps(members, indent=indent).encode()
    result = rewritten(body, new)
    assert list(json.loads(result).items()) == list((members | {"model": new}).items())
    assert list(json.loads(rewritten(result, old)).items()) == list(members.items())


def form(boundary: str) -> bytes:
    return (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n\x00model\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n--{boundary}--\r\n'
    ).encode()


def read_form(body: bytes, boundary: str) -> RequestFacts:
    return AUDIO.read(body, f"multipart/form-data; boundary={boundary}", "")


def test_changes_a_form_field_in_place() -> None:
    body = form("b")
    result = rewrite_model(body, read_form(body, "b"), 'x"é')
    assert result == body.replace(b"whisper", 'x"é'.encode())
    assert read_form(result, "b").model == 'x"é'


def test_a_boundary_cannot_hide_in_the_new_name() -> None:
    body = form("v1")
    with pytest.raises(BodyError):
        rewrite_model(body, read_form(body, "v1"), "model--v1")
