from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.bodies.facts import Usage
from modelyard.bodies.usage import usage_of
from modelyard.bodies.usage_scan import MAX_HELD_BYTES, UsageScanner

COUNTS = '{"prompt_tokens":900,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4}}'
USAGE = Usage(input_tokens=900, output_tokens=5, cached_tokens=4)
OTHER = '{"prompt_tokens":777,"completion_tokens":777}'


def scanned(text: bytes, *cuts: int) -> Usage | None:
    scanner = UsageScanner()
    for start, end in pairwise((0, *sorted(cuts), len(text))):
        scanner.feed(text[start:end])
    return scanner.usage


TEXTS = {
    "last": '{"data":[1,2],"usage":%s}',
    "first": '{"usage":%s,"data":[1,2]}',
    "space around": ' {\n "usage" \t: %s ,\n "x": [ { } ] } \n',
    "objects after it": '{"usage":%s,"prompt_logprobs":[null,{"1":{"logprob":-1.5,"token":"}"}}],"kv":{"a":[{}]}}',
    "another within what follows": f'{{"usage":%s,"x":{{"usage":{OTHER}}},"y":[{{"usage":{OTHER}}}]}}',
    "another within what is before": f'{{"x":{{"usage":{OTHER},"z":1}},"y":[{{"usage":{OTHER}}}],"usage":%s}}',
    "another in both": f'{{"x":[{{"usage":{OTHER}}}],"usage":%s,"y":{{"usage":{OTHER}}}}}',
    "null in each choice": '{"choices":[{"usage":null},{"usage":{}}],"usage":%s,"usage_of":"usage"}',
    "told of in a text": '{"text":"\\"usage\\":{\\"prompt_tokens\\":7}","usage":%s,"more":"\\"usage\\":{} \\\\"}',
    "a text that ends in escapes": '{"a":"\\\\","usage":%s,"b":"\\\\\\\\","c":"\\\\\\"}","d":"{[\\u00e9"}',
    "the name as a value": '{"a":"usage","usage":%s,"b":["usage",{"usage":1}]}',
    "deep": '{"a":' + "[" * 40 + "]" * 40 + ',"usage":%s,"b":' + '[{"c":' * 40 + "0" + "}]" * 40 + "}",
}


@pytest.mark.parametrize("name", TEXTS)
def test_at_every_split(name: str) -> None:
    text = (TEXTS[name] % COUNTS).encode()
    assert usage_of(text) == USAGE
    assert scanned(text) == USAGE
    assert {scanned(text, cut) for cut in range(len(text))} == {USAGE}
    assert scanned(text, *range(len(text))) == USAGE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[" + COUNTS + "]",
        '[{"usage":%s}]',
        '{"x":{"usage":%s}}',
        '{"x":{"usage":%s},"y":1}',
        '{"x":[{"usage":%s},{}]}',
        '{"usage":null}',
        '{"usage":{}}',
        '{"usage":{"prompt_tokens":"many"}}',
        '{"usage":%s,"cut":[',
        '{"usage":{"prompt_tokens":9',
        '{"usage',
        "\x00\xff" * 1000,
        '"usage":' * 1000,
        '{"usage":{' * 1000,
    ],
)
def test_what_has_no_usage_of_its_own(text: str) -> None:
    data = text.replace("%s", COUNTS).encode("latin-1")
    assert scanned(data) is None
    assert scanned(data, *range(len(data))) is None


_values = st.recursive(
    st.none() | st.integers(-5, 5) | st.sampled_from(["usage", '"usage":{"prompt_tokens":1}', "\\", '\\"', "{[", "é}"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["usage", "prompt_tokens", "a", 'b"', "\\"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=300)
@given(
    before=st.lists(_values, max_size=3),
    after=st.lists(_values, max_size=3),
    cuts=st.lists(st.integers(0, 400), max_size=8),
    indent=st.sampled_from([None, 1]),
    plain=st.booleans(),
)
def test_as_a_decoder_reads_it(before: list[Any], after: list[Any], cuts: list[int], indent: Any, plain: bool) -> None:
    members = {f"b{index}": value for index, value in enumerate(before)}
    members["usage"] = json.loads(COUNTS)
    members |= {f"a{index}": value for index, value in enumerate(after)}
    text = json.dumps(members, indent=indent, ensure_ascii=plain).encode()
    assert scanned(text, *(cut % len(text) for cut in cuts)) == USAGE
    del members["usage"]
    text = json.dumps(members, indent=indent, ensure_ascii=plain).encode()
    assert scanned(text, *(cut % len(text) for cut in cuts)) is None


def test_memory_is_bounded() -> None:
    for text in (b'{"a":1},', b'"usage": {"a": ', b"\\" * 10, b" ", b'"usage":'):
        scanner, kept = UsageScanner(), 0
        for _ in range(2_000):
            scanner.feed(text)
            kept = max(kept, len(scanner._held))
        assert kept <= MAX_HELD_BYTES
