from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.bodies.json_scan import (
    MAX_HELD_BYTES,
    TOP_LEVEL_MODEL,
    MemberScanner,
    Watch,
    leading_model,
)

NESTED: Watch = {"model": None, "response": {"model": None}}


def values(text: bytes, chunks: list[bytes], watch: Watch = TOP_LEVEL_MODEL) -> list[bytes]:
    """The wanted values, as cut out of ``text`` by the spans of a scan of ``chunks``."""
    scanner = MemberScanner(watch)
    found, base, rest = [], 0, b""
    for chunk in chunks:
        data = rest + chunk
        spans, used = scanner.scan(data)
        assert 0 <= used <= len(data)
        found += [text[base + start : base + end] for start, end in spans]
        base, rest = base + used, data[used:]
    return found


def every_two_chunks(text: bytes) -> list[list[bytes]]:
    return [[text[:cut], text[cut:]] for cut in range(len(text) + 1)]


TEXTS = [
    (b'{"model":"a"}', [b'"a"']),
    (b' {\r\n "model" :\t"a" , "x":1}', [b'"a"']),
    (b'{"x":{"model":"n"},"y":[{"model":"n"}],"model":"a"}', [b'"a"']),
    (b'{"mod\\u0065l":"a\\"b\\\\"}', [b'"a\\"b\\\\"']),
    (b'{"\\u006D\\u006f\\u0064\\u0065\\u006c":"a"}', [b'"a"']),
    (b'{"x":"\\"model\\":\\"n\\"","y":"\\\\","model":"a"}', [b'"a"']),
    (b'{"x":"model","model":"a"}', [b'"a"']),
    (b'{"model":{"model":"n"},"z":"{[","w":2}', []),
    (b'{"model":1}', []),
    (b'{"model":["n"]}', []),
    (b'[{"model":"n"}]', []),
    (b'"model"', []),
    (b'{"response":{"model":"r","x":{"model":"n"}},"y":1}', []),
    ('{"é":"ü","model":"名"}'.encode(), ['"名"'.encode()]),
    (b'{"model":"a","model":"b"}', [b'"a"', b'"b"']),
    (b"", []),
    (b"not json {]}", []),
    (b'{"model"', []),
]


@pytest.mark.parametrize(("text", "expected"), TEXTS)
def test_finds_the_top_level_value_however_the_text_is_split(text: bytes, expected: list[bytes]) -> None:
    assert values(text, [text]) == expected
    assert values(text, [text[at : at + 1] for at in range(len(text))]) == expected
    for chunks in every_two_chunks(text):
        assert values(text, chunks) == expected


def test_looks_into_watched_objects() -> None:
    text = b'{"response":{"x":[{}],"model":"r"},"other":{"model":"n"},"model":"t"}'
    for chunks in every_two_chunks(text):
        assert values(text, chunks, NESTED) == [b'"r"', b'"t"']


def test_counts_members_whatever_their_value() -> None:
    scanner = MemberScanner(TOP_LEVEL_MODEL)
    scanner.scan(b'{"model":1,"x":{"model":2},"mode\\u006c":[],"model":null}')
    assert scanner.seen == 3


def test_counts_depth_and_containers() -> None:
    scanner = MemberScanner(TOP_LEVEL_MODEL)
    scanner.scan(b'{"a":[[{}],"[[[[["],"b":{}}')
    assert (scanner.depth, scanner.containers) == (4, 5)
    assert not scanner.over_limit


@pytest.mark.parametrize("limits", [{"max_depth": 10}, {"max_containers": 10}])
def test_stops_once_a_limit_is_passed(limits: dict[str, int]) -> None:
    scanner = MemberScanner(TOP_LEVEL_MODEL, **limits)
    scanner.scan(b'{"x":' + b"[" * 10_000)
    assert scanner.over_limit
    assert scanner.containers <= 12


def test_what_is_held_is_bounded() -> None:
    scanner = MemberScanner(TOP_LEVEL_MODEL)
    text = b'{"' + b"k" * 2 * MAX_HELD_BYTES
    assert scanner.scan(text) == ([], len(text))
    assert scanner.scan(b'":"x","model":"a"}')[0] == [(14, 17)]


def test_a_long_text_of_short_strings_needs_no_stack() -> None:
    scanner = MemberScanner(TOP_LEVEL_MODEL)
    text = b'{"x":[' + b'"\\\\",' * 100_000 + b'1],"model":"a"}'
    assert scanner.scan(text)[0] == [(len(text) - 4, len(text) - 1)]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["model", '"model":"x"']),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["model", "a", "{", '"', "\\"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(max_examples=150)
@given(
    members=st.dictionaries(st.sampled_from(["model", "a", "b}", '"model"', "\\"]), JSON_VALUES, max_size=5),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 1]),
    cuts=st.lists(st.integers(0, 400), max_size=4),
)
def test_agrees_with_a_decoder(members: dict[str, Any], ascii_only: bool, indent: int | None, cuts: list[int]) -> None:
    text = json.dumps(members, ensure_ascii=ascii_only, indent=indent).encode()
    points = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    chunks = [text[a:b] for a, b in pairwise(points)]
    wanted = [members["model"]] if isinstance(members.get("model"), str) else []
    assert [json.loads(value) for value in values(text, chunks)] == wanted


@pytest.mark.parametrize("text", [text for text, _ in TEXTS])
def test_the_leading_model_is_the_one_that_a_scan_finds(text: bytes) -> None:
    span = leading_model(text)
    if span is not None:
        assert span == MemberScanner(TOP_LEVEL_MODEL).scan(text)[0][0]


def test_the_leading_model_stands_behind_plain_members_only() -> None:
    text = b'data: {"id":"x", "n" : -1.5e3,"t":true,"model" : "a"}'
    assert leading_model(text) == (len(text) - 4, len(text) - 1)
    assert leading_model(b'{"x":{},"model":"a"}') is None
    assert leading_model(b'{"message":"x","model":"a"}') is None
    assert leading_model(b'{"x":"\\"","model":"a"}') is None
    assert leading_model(b'{"model":"a') is None
