from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.bodies import json_end, usage, usage_scan
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


LONG_TEXTS = {
    "nested deeper than decoders go": f'{{"x":{{"usage":{{"y":{"[" * 1500}{"]" * 1500}}}}},"usage":%s}}',
    "deeper, and too long": f'{{"x":{{"usage":{{"y":{"[" * 3000}{"]" * 3000}}}}},"usage":%s}}',
    "too long, with texts that end as the name": f'{{"x":{{"usage":{{"y":["%s"]}}}},"usage":{COUNTS}}}'.replace(
        "%s", '","'.join(f'{"a" * shift}\\"usage' for shift in range(90))
    ),
    "space that is longer than what is read": f'{{"usage"{" " * 5000}:{" " * 5000}%s,"x":{{}}}}',
    "a second one that is too long": f'{{"usage":%s,"usage":{{"x":"{"a]}" * 3000}"}},"y":[]}}',
}


@pytest.mark.parametrize("name", LONG_TEXTS)
def test_what_is_too_long_or_deep_to_be_read(name: str) -> None:
    text = LONG_TEXTS[name].replace("%s", COUNTS).encode()
    assert scanned(text) == USAGE
    assert {scanned(text, *range(step, len(text), step)) for step in (1, 7, 100, 4095, 4096, 4097)} == {USAGE}
    assert {scanned(text, cut) for cut in range(1, len(text), 97)} == {USAGE}


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
        '{"usage":{"prompt_tokens":1,"x":' + "[" * 1500 + "]" * 1500 + "}}",
        '{"usage":{"prompt_tokens":1,"x":"%s"}}' % ("a" * MAX_HELD_BYTES),
        '{"usage":{"x":[%s,{"usage":%%s}]}}' % ("0," * MAX_HELD_BYTES),
        '{"a":{"usage":%s}}{}',
        '{"a":[{"usage":%s}]}[]',
        '{"usage":%s},1',
        '{"usage":%s}{}',
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


@pytest.mark.parametrize("levels", [2, 50, 900])
@pytest.mark.parametrize("step", [7, 1_000, 200_000])
@pytest.mark.parametrize("innermost", ["1", '{"prompt_tokens":"many"}', COUNTS])
def test_no_byte_is_decoded_or_searched_for_an_end_twice(
    levels: int, step: int, innermost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded, searched = [0], [0]

    def read_usage(text: bytes) -> Usage | None:
        decoded[0] += len(text)
        return usage.read_usage(text)

    class ObjectEnd(json_end.ObjectEnd):
        def find(self, text: bytes, start: int, stop: int) -> int:
            searched[0] += stop - start
            end = super().find(text, start, stop)
            searched[0] -= stop - end if end else 0
            return end

    monkeypatch.setattr(usage_scan, "read_usage", read_usage)
    monkeypatch.setattr(usage_scan, "ObjectEnd", ObjectEnd)
    nested = '{"usage":' * levels + innermost + "}" * levels
    text = f'{{"tools":[{",".join([nested] * (20_000 // len(nested) + 1))}],"usage":{COUNTS}}}'.encode()
    assert scanned(text, *range(step, len(text), step)) == USAGE
    assert 0 < decoded[0] <= len(text)
    assert 0 < searched[0] <= len(text) + len(text) // MAX_HELD_BYTES


def test_memory_is_bounded() -> None:
    for text in (b'{"a":1},', b'"usage": {"a": ', b"\\" * 10, b" ", b'"usage":'):
        scanner, kept = UsageScanner(), 0
        for _ in range(2_000):
            scanner.feed(text)
            kept = max(kept, len(scanner._held))
        assert kept <= MAX_HELD_BYTES
