"""The bytes of a GET."""

from __future__ import annotations

import pytest

from modelyard.scrape.client import get_request


def test_a_request() -> None:
    assert get_request("10.0.0.1:8000", "/metrics/?name%5B%5D=x") == (
        b"GET /metrics/?name%5B%5D=x HTTP/1.1\r\nHost: 10.0.0.1:8000\r\nUser-Agent: modelyard\r\n"
        b"Accept: */*\r\nAccept-Encoding: identity\r\n\r\n"
    )


def test_given_headers_replace_the_own_ones() -> None:
    request = get_request("h", "/", (("user-agent", "probe"), ("X-A", "b")))
    assert b"modelyard" not in request
    assert b"user-agent: probe\r\nX-A: b\r\n" in request


@pytest.mark.parametrize(
    ("host", "path", "headers"),
    [
        ("h", "metrics", ()),
        ("h", "", ()),
        ("h", "/a b", ()),
        ("h", "/a\r\nX: y", ()),
        ("h", "/ä", ()),
        ("h\r\nX: y", "/", ()),
        ("h", "/", (("X", "a\nb"),)),
    ],
)
def test_a_part_that_would_break_out_of_its_line_is_refused(
    host: str, path: str, headers: tuple[tuple[str, str], ...]
) -> None:
    with pytest.raises(ValueError, match=r"printable|must start"):
        get_request(host, path, headers)
