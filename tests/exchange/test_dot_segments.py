"""Dot segments in request paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.exchange.dot_segments import without_dot_segments


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/b", "/a/b"),
        ("/a/.b/..c", "/a/.b/..c"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/a/%2e%2E/b", "/b"),
        ("/a/.%2e/b/", "/b/"),
        ("/a/..", "/"),
        ("/a/.", "/a/"),
        ("/a//../b", "/a/b"),
        ("/a%2Fb/./c", "/a%2Fb/c"),
        ("/..", None),
        ("/a/../../b", None),
        ("/%2e%2e/b", None),
    ],
)
def test_segments(path: str, expected: str | None) -> None:
    assert without_dot_segments(path) == expected


@given(st.lists(st.sampled_from(["a", ".", "..", "", "%2e", "%2E.", "b%2Fc"]), max_size=8))
def test_nothing_is_left_and_the_result_is_stable(segments: list[str]) -> None:
    found = without_dot_segments("/" + "/".join(segments))
    if found is not None:
        assert not {".", "..", "%2e", "%2E."} & set(found.split("/"))
        assert without_dot_segments(found) == found
