from __future__ import annotations

from modelyard.routing.filters.path_changes import PathChange
from modelyard.routing.filters.rewrites import Rewrite


def test_the_path_changes_only_where_it_is_told_to() -> None:
    assert Rewrite(hostname="b.test").path("/a/b", "/a") == "/a/b"
    assert Rewrite(path_change=PathChange("/x", prefix_only=True)).path("/a/b", "/a") == "/x/b"
