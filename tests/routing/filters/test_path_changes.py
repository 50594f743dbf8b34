from __future__ import annotations

import pytest

from modelyard.routing.filters.path_changes import PathChange


@pytest.mark.parametrize(
    ("path", "prefix", "value", "expected"),
    [
        ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
        ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
        ("/foo/bar", "/foo/", "/xyz", "/xyz/bar"),
        ("/foo/bar", "/foo/", "/xyz/", "/xyz/bar"),
        ("/foo", "/foo", "/xyz", "/xyz"),
        ("/foo/", "/foo", "/xyz", "/xyz/"),
        ("/foo/bar", "/foo", "", "/bar"),
        ("/foo/", "/foo", "", "/"),
        ("/foo", "/foo", "", "/"),
        ("/foo/", "/foo", "/", "/"),
        ("/foo", "/foo", "/", "/"),
        ("/foo/bar", "", "/xyz", "/xyz/foo/bar"),
        ("/", "", "/xyz", "/xyz/"),
    ],
)
def test_replace_prefix_match(path: str, prefix: str, value: str, expected: str) -> None:
    assert PathChange(value, prefix_only=True).apply(path, prefix) == expected


def test_replace_full_path() -> None:
    assert PathChange("/new").apply("/foo/bar", "/foo") == "/new"
    assert PathChange("").apply("/foo", None) == "/"
