from __future__ import annotations

import json

import pytest

from modelyard.bodies.facts import Usage
from modelyard.bodies.usage import read_usage, usage_near_end, usage_of

ANSWERS = [
    (
        {"usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}},
        Usage(input_tokens=5, output_tokens=7),
    ),
    (
        {"usage": {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 4}}},
        Usage(input_tokens=5, output_tokens=7, cached_tokens=4),
    ),
    ({"usage": {"prompt_tokens": 5, "prompt_tokens_details": None, "completion_tokens": None}}, Usage(input_tokens=5)),
    (
        {"response": {"usage": {"input_tokens": 5, "output_tokens": 7, "input_tokens_details": {"cached_tokens": 4}}}},
        Usage(input_tokens=5, output_tokens=7, cached_tokens=4),
    ),
    (
        {"message": {"usage": {"input_tokens": 5, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2}}},
        Usage(input_tokens=10, cached_tokens=3),
    ),
    ({"usage": {"total_tokens": 9}}, Usage(input_tokens=9)),
    ({"usage": {"prompt_tokens": 5, "queue_time": 0.1, "x": {"y": [1]}}}, Usage(input_tokens=5)),
]


DEEP = b'"usage":{"prompt_tokens":1,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
"""JSON that decoders refuse."""


@pytest.mark.parametrize(("answer", "usage"), ANSWERS)
def test_reads_the_names_of_each_api(answer: dict[str, object], usage: Usage) -> None:
    assert usage_of(json.dumps(answer).encode()) == usage
    assert usage_of(b" " + json.dumps(answer, indent=2).encode() + b"\r") == usage


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[DONE]",
        b"[]",
        b"null",
        b"{}",
        b'{"usage":null}',
        b'{"usage":{}}',
        b'{"usage":{"type":"duration","seconds":3}}',
        b'{"usage":{"prompt_tokens":-1}}',
        b'{"usage":{"prompt_tokens":1e400}}',
        b'{"usage":{"prompt_tokens":"5"}}',
        b'{"usage":{"prompt_tokens":NaN}}',
        b'{"usage":[1]}',
        b'{"usage":{"prompt_tokens":5}',
        b'{"usage":\xff}',
        b'{"x":' + b"[" * 100_000,
    ],
)
def test_what_says_nothing_changes_nothing(answer: bytes) -> None:
    before = Usage(input_tokens=1)
    assert usage_of(answer) is None
    assert usage_of(answer, before) is before


@pytest.mark.parametrize("text", [b"{", b"[]", b"\xff", b'{"prompt_tokens":"5"}', b"{}", DEEP[8:]])
def test_a_usage_that_says_nothing_changes_nothing(text: bytes) -> None:
    before = Usage(input_tokens=1)
    assert read_usage(text) is None
    assert read_usage(text, before) is before


def test_later_events_add_to_earlier_ones() -> None:
    start = usage_of(b'{"message":{"usage":{"input_tokens":5,"cache_read_input_tokens":1,"output_tokens":1}}}')
    end = usage_of(b'{"type":"message_delta","usage":{"output_tokens":30}}', start)
    assert end == Usage(input_tokens=6, output_tokens=30, cached_tokens=1)


@pytest.mark.parametrize(("answer", "usage"), [case for case in ANSWERS if "message" not in case[0]])
def test_reads_usage_out_of_the_end_of_an_answer(answer: dict[str, object], usage: Usage) -> None:
    text = json.dumps({"data": ['"usage":{"prompt_tokens":99}'] * 3} | answer).encode()
    assert usage_near_end(text[7:]) == usage


@pytest.mark.parametrize(
    "tail", [b"", b'"usage":', b'"usage":{"prompt_tokens":5', b'"usage":{"prompt_tokens":x}', b'"usage":[]']
)
def test_an_end_without_usage(tail: bytes) -> None:
    assert usage_near_end(tail) is None


def test_an_end_with_a_usage_that_is_nested_too_deeply() -> None:
    assert usage_near_end(DEEP) is None
    assert usage_near_end(b'"usage":{"prompt_tokens":5},' + DEEP) == Usage(input_tokens=5)


def test_a_hostile_end_is_searched_in_bounded_time() -> None:
    assert usage_near_end(b'"usage":{"x":' * 1_200) is None
    assert usage_near_end(b'"usage":{' + b'"a":{},' * 2_300) is None
