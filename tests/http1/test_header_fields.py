from __future__ import annotations

import pytest

from modelyard.http1 import header_fields
from modelyard.http1.header_fields import (
    REMEMBERED_LENGTH,
    REMEMBERED_LINES,
    MalformedField,
    end_to_end,
    has_token,
    index_fields,
    parse_field,
)


def test_name_and_value() -> None:
    assert parse_field("Accept:  a b\t") == ("accept", "a b")
    assert parse_field("X-Empty:") == ("x-empty", "")
    assert parse_field("X: a\tb\xff") == ("x", "a\tb\xff")


@pytest.mark.parametrize("line", ["", ":", "a", " a: b", "a b: c", "a: \x00", "a: \x7f", "a: b\r", "a: b\n", "ä: b"])
def test_malformed_lines_are_explained(line: str) -> None:
    with pytest.raises(MalformedField) as refused:
        parse_field(line)
    assert str(refused.value)


def test_tables_stay_bounded_and_keep_no_secrets() -> None:
    for number in range(REMEMBERED_LINES + 10):
        parse_field(f"user-agent: {number}")
        parse_field(f"x-{number}: 1")
    parse_field("authorization: Bearer secret")
    parse_field("accept: " + "a" * REMEMBERED_LENGTH)
    assert len(header_fields._remembered) <= REMEMBERED_LINES
    assert len(header_fields._known_names) <= REMEMBERED_LINES
    assert not [line for line in header_fields._remembered if "secret" in line or len(line) > REMEMBERED_LENGTH]


def test_first_value_counts() -> None:
    assert index_fields([("a", "1"), ("b", "2"), ("a", "3")]) == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("value", "expected"), [("close", True), ("Close", True), ("a, close", True), ("closed", False), ("", False)]
)
def test_tokens(value: str, expected: bool) -> None:
    assert has_token(value, "close") is expected


def test_fields_of_one_connection_do_not_cross() -> None:
    fields = [
        ("connection", "x-a, close"),
        ("x-a", "1"),
        ("te", "trailers"),
        ("connection", "X-B"),
        ("x-b", "2"),
        ("c", "3"),
    ]
    assert end_to_end(fields) == [("c", "3")]
