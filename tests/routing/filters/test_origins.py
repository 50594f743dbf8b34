from __future__ import annotations

import pytest

from modelyard.routing.filters.origins import OriginSet


@pytest.mark.parametrize(
    ("allowed", "origin", "expected"),
    [
        ("https://a.test", "https://a.test", True),
        ("https://a.test", "https://A.Test", True),
        ("https://a.test", "https://a.test:443", True),
        ("https://a.test:443", "https://a.test", True),
        ("https://a.test", "http://a.test", False),
        ("https://a.test", "https://a.test:8443", False),
        ("http://a.test:8080", "http://a.test:8080", True),
        ("https://*.a.test", "https://b.a.test", True),
        ("https://*.a.test", "https://c.b.a.test", True),
        ("https://*.a.test", "https://a.test", False),
        ("https://*.a.test", "https://.a.test", False),
        ("https://*.a.test", "https://ba.test", False),
        ("https://*.a.test", "https://b.a.test.evil.test", False),
        ("https://*", "https://anything.test", True),
        ("https://*", "http://anything.test", False),
        ("https://dev-*.a.test", "https://dev-7.a.test", True),
        ("https://*.a.*.test", "https://x.a.y.test", True),
        ("https://*.a.*.test", "https://x.a.test", False),
        ("*", "https://anything.test:1", True),
        ("*", "null", True),
        ("https://a.test", "null", False),
        ("https://a.test", "https://a.test/", False),
        ("https://*.a.test", "https://evil.test/.a.test", False),
        ("https://*.a.test", "https://*.a.test", False),
        ("http://[::1]:80", "http://[::1]", True),
        ("", "", False),
    ],
)
def test_allows(allowed: str, origin: str, expected: bool) -> None:
    assert OriginSet([allowed]).allows(origin) is expected


def test_no_origins_allow_none() -> None:
    assert not OriginSet([]).allows("https://a.test")
