from __future__ import annotations

import pytest

from modelyard.routing.matching import UNCONDITIONAL, Conditions, parse_query
from modelyard.routing.patterns import Pattern

FULL = Conditions(
    method="POST",
    headers=(("model", "gemma"),),
    header_patterns=(("tier", Pattern("gold|silver")),),
    queries=(("debug", "1"),),
    query_patterns=(("version", Pattern("v[0-9]")),),
)
REQUEST = ("POST", {"model": "gemma", "tier": "gold"}, {"debug": "1", "version": "v2"})


def test_all_conditions_must_hold() -> None:
    assert FULL.hold(*REQUEST)
    assert UNCONDITIONAL.hold("GET", {}, {})


@pytest.mark.parametrize(
    "request_",
    [
        ("GET", REQUEST[1], REQUEST[2]),
        ("POST", {"model": "Gemma", "tier": "gold"}, REQUEST[2]),
        ("POST", {"tier": "gold"}, REQUEST[2]),
        ("POST", {"model": "gemma", "tier": "golden"}, REQUEST[2]),
        ("POST", {"model": "gemma"}, REQUEST[2]),
        ("POST", REQUEST[1], {"debug": "0", "version": "v2"}),
        ("POST", REQUEST[1], {"debug": "1"}),
        ("POST", REQUEST[1], {"debug": "1", "version": "v10"}),
    ],
)
def test_each_condition_alone_can_fail(request_: tuple[str, dict[str, str], dict[str, str]]) -> None:
    assert not FULL.hold(*request_)


def test_rank_is_method_then_headers_then_query() -> None:
    ordered = [
        Conditions(method="GET", queries=(("a", "1"),)),
        Conditions(method="GET"),
        Conditions(headers=(("a", "1"),), header_patterns=(("b", Pattern("1")),)),
        Conditions(headers=(("a", "1"),), queries=(("a", "1"), ("b", "1"))),
        Conditions(headers=(("a", "1"),)),
        Conditions(queries=(("a", "1"), ("b", "1"))),
        Conditions(query_patterns=(("a", Pattern("1")),)),
        UNCONDITIONAL,
    ]
    backwards = ordered[::-1]
    assert sorted(backwards, key=lambda conditions: conditions.rank) == ordered


def test_what_is_read() -> None:
    assert FULL.reads_headers == {"model", "tier"}
    assert FULL.reads_query
    assert not UNCONDITIONAL.reads_query


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a=1&a=2", {"a": "1"}),
        ("a", {"a": ""}),
        ("a=b=c", {"a": "b=c"}),
        ("%61=%20+&&", {"a": "  ", "": ""}),
        ("a=%zz", {"a": "%zz"}),
        ("A=1&a=2", {"A": "1", "a": "2"}),
    ],
)
def test_parse_query(text: str, expected: dict[str, str]) -> None:
    assert parse_query(text) == expected
