from __future__ import annotations

import pytest

from modelyard.routing import hostnames


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("example.com", "example.com"),
        ("Example.COM:8080", "example.com"),
        ("example.com.", "example.com"),
        ("example.com.:80", "example.com"),
        ("[::1]:80", "[::1]"),
        ("[FE80::1]", "[fe80::1]"),
        ("[broken", "[broken"),
        ("", ""),
        (":80", ""),
    ],
)
def test_normalize(host: str, expected: str) -> None:
    assert hostnames.normalize(host) == expected


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [
        ("", "anything", True),
        ("a.test", "a.test", True),
        ("a.test", "b.test", False),
        ("*.a.test", "b.a.test", True),
        ("*.a.test", "c.b.a.test", True),
        ("*.a.test", "a.test", False),
        ("*.a.test", ".a.test", False),
        ("*.a.test", "ba.test", False),
    ],
)
def test_matches(pattern: str, host: str, expected: bool) -> None:
    assert hostnames.matches(pattern, host) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("", "a.test", True),
        ("a.test", "a.test", True),
        ("a.test", "b.test", False),
        ("*.test", "a.test", True),
        ("*.test", "*.a.test", True),
        ("*.b.test", "*.a.test", False),
        ("*.a.test", "a.test", False),
        ("*.a.test", "*.ba.test", False),
    ],
)
def test_intersects_both_ways(one: str, other: str, expected: bool) -> None:
    assert hostnames.intersects(one, other) is expected
    assert hostnames.intersects(other, one) is expected


def test_any_intersects() -> None:
    assert hostnames.any_intersects("a.test", ())
    assert hostnames.any_intersects("a.test", ("b.test", "*.test"))
    assert not hostnames.any_intersects("a.test", ("b.test",))


def test_candidates_are_the_patterns_that_fit_most_specific_first() -> None:
    patterns = list(hostnames.candidates("a.b.test"))
    assert patterns == ["a.b.test", "*.b.test", "*.test", ""]
    assert all(hostnames.matches(pattern, "a.b.test") for pattern in patterns)


def test_a_name_longer_than_any_costs_no_work() -> None:
    assert list(hostnames.candidates("a." * 1000)) == [""]


def test_specificity() -> None:
    patterns = sorted(["", "*.b.test", "a.b.test", "*.test"], key=hostnames.specificity, reverse=True)
    assert patterns == ["a.b.test", "*.b.test", "*.test", ""]
