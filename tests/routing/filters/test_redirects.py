from __future__ import annotations

import pytest

from modelyard.routing.filters.path_changes import PathChange
from modelyard.routing.filters.redirects import Redirect


@pytest.mark.parametrize(
    ("redirect", "scheme", "listener_port", "expected"),
    [
        (Redirect(), "http", 80, "http://a.test/p/q?x=1"),
        (Redirect(), "http", 8080, "http://a.test:8080/p/q?x=1"),
        (Redirect(), "https", 443, "https://a.test/p/q?x=1"),
        (Redirect(), "https", 8443, "https://a.test:8443/p/q?x=1"),
        (Redirect(scheme="https"), "http", 8080, "https://a.test/p/q?x=1"),
        (Redirect(scheme="http"), "https", 8443, "http://a.test/p/q?x=1"),
        (Redirect(scheme="https", port=80), "http", 80, "https://a.test:80/p/q?x=1"),
        (Redirect(port=443), "http", 80, "http://a.test:443/p/q?x=1"),
        (Redirect(port=80), "http", 8080, "http://a.test/p/q?x=1"),
        (Redirect(hostname="b.test", port=8083), "http", 80, "http://b.test:8083/p/q?x=1"),
        (Redirect(path_change=PathChange("/new", prefix_only=True)), "http", 80, "http://a.test/new/q?x=1"),
    ],
)
def test_location(redirect: Redirect, scheme: str, listener_port: int, expected: str) -> None:
    location = redirect.location(
        scheme=scheme, host="a.test", listener_port=listener_port, path="/p/q", query="x=1", matched_prefix="/p"
    )
    assert location == expected


def test_no_query_no_question_mark() -> None:
    location = Redirect().location(
        scheme="http", host="[::1]", listener_port=80, path="/", query="", matched_prefix=None
    )
    assert location == "http://[::1]/"
