from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.http1.response_parsing import MalformedResponse, has_no_body, parse_response_head

PLAIN = (
    b"HTTP/1.1 200 OK\r\nDate: today\r\nServer: uvicorn\r\nContent-Length: 12\r\n"
    b"Set-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n"
)


def test_a_plain_head() -> None:
    head = parse_response_head(PLAIN)
    assert (head.status, head.reason, head.minor_version) == (200, "OK", 1)
    assert head.content_length == 12
    assert not head.chunked
    assert head.keep_alive
    assert head.headers == [("date", "today"), ("server", "uvicorn"), ("set-cookie", "a=b"), ("set-cookie", "c=d")]
    assert head.by_name["content-length"] == "12"


def test_the_length_of_a_known_head_is_read_anew() -> None:
    heads = [parse_response_head(PLAIN.replace(b": 12", b": %d" % n)) for n in (1, 0, 77)]
    assert [head.content_length for head in heads] == [1, 0, 77]
    heads[0].headers.clear()
    assert parse_response_head(PLAIN).headers


@pytest.mark.parametrize(
    ("lines", "chunked", "length", "keep_alive"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n", True, None, True),
        (b"HTTP/1.1 200\r\n", False, None, True),
        (b"HTTP/1.1 200 \r\nConnection: close\r\n", False, None, False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n", False, 3, False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", False, None, True),
    ],
)
def test_framing(lines: bytes, chunked: bool, length: int | None, keep_alive: bool) -> None:
    for _ in range(2):
        head = parse_response_head(lines + b"\r\n")
        assert (head.chunked, head.content_length, head.keep_alive) == (chunked, length, keep_alive)


def test_hop_by_hop_fields_and_what_connection_names_are_removed() -> None:
    data = (
        b"HTTP/1.1 200 OK\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nUpgrade: h2c\r\nVia: x\r\n\r\n"
    )
    assert parse_response_head(data).headers == [("via", "x")]


REFUSED = {
    "no HTTP": b"HELLO\r\n",
    "HTTP/2": b"HTTP/2 200 OK\r\n",
    "status of two digits": b"HTTP/1.1 20 OK\r\n",
    "status of four digits": b"HTTP/1.1 2000 OK\r\n",
    "status 600": b"HTTP/1.1 600 OK\r\n",
    "status 000": b"HTTP/1.1 000 OK\r\n",
    "two spaces": b"HTTP/1.1  200 OK\r\n",
    "bare LF": b"HTTP/1.1 200 OK\nA: b\r\n",
    "CR in the reason": b"HTTP/1.1 200 O\rK\r\n",
    "both lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n",
    "length list": b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n",
    "other coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n",
    "coding twice": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "chunked in 1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n",
    "folded": b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n",
    "NUL": b"HTTP/1.1 200 OK\r\nA: b\0\r\n",
    "many fields": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 600,
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_unclear_response_is_not_believed(name: str) -> None:
    for _ in range(2):
        with pytest.raises(MalformedResponse):
            parse_response_head(REFUSED[name] + b"\r\n")


@pytest.mark.parametrize(
    ("method", "status", "expected"),
    [("GET", 200, False), ("HEAD", 200, True), ("GET", 204, True), ("GET", 304, True), ("GET", 101, True)],
)
def test_responses_without_body(method: str, status: int, expected: bool) -> None:
    assert has_no_body(method, status) is expected


@given(st.binary(max_size=120))
def test_any_bytes_are_read_or_refused(junk: bytes) -> None:
    for data in (junk + b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + junk + b"\r\n\r\n"):
        try:
            head = parse_response_head(data)
        except MalformedResponse:
            continue
        assert 100 <= head.status < 600


def test_an_empty_length_is_refused_also_after_the_same_head_with_a_length() -> None:
    assert parse_response_head(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nX-Only: here\r\n\r\n").content_length == 7
    with pytest.raises(MalformedResponse):
        parse_response_head(b"HTTP/1.1 200 OK\r\nContent-Length: \r\nX-Only: here\r\n\r\n")
