from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.http1.request_parsing import MAX_FIELDS, MAX_TARGET, MalformedRequest, parse_request_head

PLAIN = (
    b"POST /v1/chat/completions?a=b HTTP/1.1\r\n"
    b"Host: Models.Example.com:8080\r\nContent-Length: 12\r\nX-A:  one \r\n\r\n"
)


def head_with(*lines: bytes, first: bytes = b"POST /x HTTP/1.1", host: bool = True) -> bytes:
    fields = [b"Host: a", *lines] if host else list(lines)
    return b"\r\n".join([first, *fields]) + b"\r\n\r\n"


def test_a_plain_head_is_read_whole() -> None:
    head = parse_request_head(PLAIN)
    assert (head.method, head.target, head.path, head.query) == (
        "POST",
        "/v1/chat/completions?a=b",
        "/v1/chat/completions",
        "a=b",
    )
    assert (head.host, head.authority, head.minor_version) == ("models.example.com", "Models.Example.com:8080", 1)
    assert head.content_length == 12
    assert not head.chunked
    assert head.keep_alive
    assert head.headers == [("host", "Models.Example.com:8080"), ("content-length", "12"), ("x-a", "one")]
    assert head.by_name["x-a"] == "one"


REFUSED = {
    "bare LF": (b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
    "bare LF between fields": (head_with(b"A: b\nC: d"), 400),
    "bare CR in a value": (head_with(b"A: b\rc"), 400),
    "CR CR LF": (head_with(b"A: b\r"), 400),
    "folded line": (head_with(b"A: b", b" c"), 400),
    "folded by a tab": (head_with(b"A: b", b"\tc"), 400),
    "NUL in a value": (head_with(b"A: b\0c"), 400),
    "control character in a value": (head_with(b"A: b\x01c"), 400),
    "DEL in a value": (head_with(b"A: b\x7fc"), 400),
    "space before the colon": (head_with(b"A : b"), 400),
    "tab before the colon": (head_with(b"A\t: b"), 400),
    "empty name": (head_with(b": b"), 400),
    "no colon": (head_with(b"abc"), 400),
    "name with a control character": (head_with(b"A\x01: b"), 400),
    "name with non-ASCII": (head_with(b"\xc3\xa4: b"), 400),
    "name with parentheses": (head_with(b"A(b): c"), 400),
    "two Hosts": (head_with(b"Host: b"), 400),
    "two equal Hosts": (head_with(b"Host: a"), 400),
    "no Host": (head_with(host=False), 400),
    "empty Host": (head_with(b"Host:", host=False), 400),
    "Host with user": (head_with(b"Host: a@b", host=False), 400),
    "Host with a path": (head_with(b"Host: a/b", host=False), 400),
    "Host with a query": (head_with(b"Host: a?b", host=False), 400),
    "Host with a fragment": (head_with(b"Host: a#b", host=False), 400),
    "Host with a space": (head_with(b"Host: a b", host=False), 400),
    "Host list": (head_with(b"Host: a,b", host=False), 400),
    "port not a number": (head_with(b"Host: a:b", host=False), 400),
    "empty port": (head_with(b"Host: a:", host=False), 400),
    "port too large": (head_with(b"Host: a:65536", host=False), 400),
    "negative port": (head_with(b"Host: a:-1", host=False), 400),
    "open bracket": (head_with(b"Host: [::1", host=False), 400),
    "both lengths": (head_with(b"Content-Length: 5", b"Transfer-Encoding: chunked"), 400),
    "both lengths, other order": (head_with(b"Transfer-Encoding: chunked", b"Content-Length: 5"), 400),
    "two lengths": (head_with(b"Content-Length: 5", b"Content-Length: 6"), 400),
    "two equal lengths": (head_with(b"Content-Length: 5", b"Content-Length: 5"), 400),
    "length list": (head_with(b"Content-Length: 5,5"), 400),
    "length with plus": (head_with(b"Content-Length: +5"), 400),
    "negative length": (head_with(b"Content-Length: -5"), 400),
    "hexadecimal length": (head_with(b"Content-Length: 0x5"), 400),
    "length with underscore": (head_with(b"Content-Length: 1_0"), 400),
    "length with inner space": (head_with(b"Content-Length: 5 5"), 400),
    "length in other digits": (head_with(b"Content-Length: \xb2"), 400),
    "empty length": (head_with(b"Content-Length:"), 400),
    "huge length": (head_with(b"Content-Length: " + b"9" * 40), 400),
    "coding twice": (head_with(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), 400),
    "coding chunked, chunked": (head_with(b"Transfer-Encoding: chunked, chunked"), 400),
    "coding not chunked last": (head_with(b"Transfer-Encoding: chunked, gzip"), 400),
    "coding identity": (head_with(b"Transfer-Encoding: identity"), 400),
    "coding xchunked": (head_with(b"Transfer-Encoding: xchunked"), 400),
    "coding with vertical tab": (head_with(b"Transfer-Encoding: \x0bchunked"), 400),
    "coding quoted": (head_with(b'Transfer-Encoding: "chunked"'), 400),
    "empty coding": (head_with(b"Transfer-Encoding:"), 400),
    "coding of 1.0": (head_with(b"Transfer-Encoding: chunked", first=b"POST / HTTP/1.0"), 400),
    "coding gzip, chunked": (head_with(b"Transfer-Encoding: gzip, chunked"), 400),
    "method with a control character": (head_with(first=b"GE\x01T / HTTP/1.1"), 400),
    "empty method": (head_with(first=b" / HTTP/1.1"), 400),
    "method in small letters": (head_with(first=b"get / HTTP/1.1"), 400),
    "long method": (head_with(first=b"A" * 50 + b" / HTTP/1.1"), 400),
    "CONNECT": (head_with(first=b"CONNECT a:443 HTTP/1.1"), 405),
    "two spaces": (head_with(first=b"GET  / HTTP/1.1"), 400),
    "space in the target": (head_with(first=b"GET /a b HTTP/1.1"), 400),
    "tab in the request line": (head_with(first=b"GET\t/ HTTP/1.1"), 400),
    "no target": (head_with(first=b"GET HTTP/1.1"), 400),
    "HTTP/0.9": (head_with(first=b"GET /"), 400),
    "control character in the target": (head_with(first=b"GET /\x01 HTTP/1.1"), 400),
    "non-ASCII target": (head_with(first=b"GET /\xc3\xa4 HTTP/1.1"), 400),
    "fragment in the target": (head_with(first=b"GET /a#b HTTP/1.1"), 400),
    "relative target": (head_with(first=b"GET a HTTP/1.1"), 400),
    "asterisk of GET": (head_with(first=b"GET * HTTP/1.1"), 400),
    "other scheme": (head_with(first=b"GET ftp://a/ HTTP/1.1"), 400),
    "absolute form with user": (head_with(first=b"GET http://u@a/ HTTP/1.1"), 400),
    "absolute form without host": (head_with(first=b"GET http:///x HTTP/1.1"), 400),
    "long target": (head_with(first=b"GET /" + b"a" * MAX_TARGET + b" HTTP/1.1"), 414),
    "HTTP/2.0": (head_with(first=b"GET / HTTP/2.0"), 400),
    "HTTP/1.2": (head_with(first=b"GET / HTTP/1.2"), 400),
    "http/1.1 in small letters": (head_with(first=b"GET / http/1.1"), 400),
    "version with a blank": (head_with(first=b"GET / HTTP/1.1 "), 400),
    "HTTP/1.10": (head_with(first=b"GET / HTTP/1.10"), 400),
    "unknown expectation": (head_with(b"Expect: tea"), 417),
    "too many fields": (head_with(*[b"A: b"] * MAX_FIELDS), 431),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_be_read_in_two_ways_is_refused(name: str) -> None:
    data, status = REFUSED[name]
    for _ in range(2):  # the second time with whatever the first one left in the tables
        with pytest.raises(MalformedRequest) as refused:
            parse_request_head(data)
        assert refused.value.status == status
        assert refused.value.message


HOSTS = {
    b"a": "a",
    b"A.Example.COM": "a.example.com",
    b"a.": "a",
    b"a:80": "a",
    b"127.0.0.1:8080": "127.0.0.1",
    b"[::1]:8080": "[::1]",
    b"under_score": "under_score",
}


@pytest.mark.parametrize("value", HOSTS)
def test_host_is_normalised(value: bytes) -> None:
    head = parse_request_head(head_with(b"Host: " + value, host=False))
    assert head.host == HOSTS[value]
    assert head.authority == value.decode()


@pytest.mark.parametrize(
    ("target", "origin"),
    [
        (b"http://other:81/p?q=1", "/p?q=1"),
        (b"HTTP://other:81", "/"),
        (b"https://other:81?q", "/?q"),
    ],
)
def test_an_absolute_target_overrides_host(target: bytes, origin: str) -> None:
    head = parse_request_head(head_with(first=b"GET " + target + b" HTTP/1.1"))
    assert head.target == origin
    assert (head.host, head.authority) == ("other", "other:81")
    assert [value for name, value in head.headers if name == "host"] == ["other:81"]
    assert head.by_name["host"] == "other:81"


def test_options_may_ask_for_everything() -> None:
    assert parse_request_head(head_with(first=b"OPTIONS * HTTP/1.1")).target == "*"
    assert parse_request_head(head_with(first=b"OPTIONS http://b HTTP/1.1")).target == "*"


@pytest.mark.parametrize(
    ("lines", "first", "keep_alive"),
    [
        ((), b"GET / HTTP/1.1", True),
        ((b"Connection: close",), b"GET / HTTP/1.1", False),
        ((b"Connection: Keep-Alive, Close",), b"GET / HTTP/1.1", False),
        ((b"Connection: x", b"Connection: close"), b"GET / HTTP/1.1", False),
        ((), b"GET / HTTP/1.0", False),
        ((b"Connection: keep-alive",), b"GET / HTTP/1.0", True),
        ((b"Connection: Keep-Alive",), b"GET / HTTP/1.0", True),
    ],
)
def test_keep_alive(lines: tuple[bytes, ...], first: bytes, keep_alive: bool) -> None:
    for _ in range(2):
        assert parse_request_head(head_with(*lines, first=first)).keep_alive is keep_alive


def test_http_1_0_needs_no_host() -> None:
    head = parse_request_head(b"GET / HTTP/1.0\r\n\r\n")
    assert (head.host, head.authority, head.minor_version) == ("", "", 0)


def test_expectation_and_upgrade() -> None:
    assert parse_request_head(head_with(b"Expect: 100-Continue")).expect_continue
    assert not parse_request_head(head_with(b"Expect: x", first=b"GET / HTTP/1.0")).expect_continue
    upgrade = (b"Connection: keep-alive, Upgrade", b"Upgrade: WebSocket")
    assert parse_request_head(head_with(*upgrade, first=b"GET /ws HTTP/1.1")).upgrade == "websocket"
    assert parse_request_head(head_with(b"Upgrade: websocket")).upgrade == ""
    assert parse_request_head(head_with(b"Connection: Upgrade", b"Upgrade: h2c")).upgrade == ""
    assert parse_request_head(head_with(*upgrade, b"Content-Length: 3")).upgrade == ""


def test_the_length_of_a_known_head_is_read_anew() -> None:
    lengths = [parse_request_head(PLAIN.replace(b": 12", b": %d" % n)) for n in (1, 250, 0, 99999)]
    assert [head.content_length for head in lengths] == [1, 250, 0, 99999]
    assert [head.by_name["content-length"] for head in lengths] == ["1", "250", "0", "99999"]
    assert lengths[0].headers[1] == ("content-length", "1")


@pytest.mark.parametrize(
    "line", [b"CONTENT-LENGTH: 7", b"Content-Length:7", b"Content-Length:\t7 ", b"content-length: 7"]
)
def test_every_spelling_of_a_length(line: bytes) -> None:
    for _ in range(2):
        head = parse_request_head(head_with(line))
        assert head.content_length == 7
        assert head.by_name["content-length"] == "7"


def test_changing_a_head_does_not_change_the_next() -> None:
    first = parse_request_head(PLAIN)
    first.headers.clear()
    first.by_name.clear()
    assert parse_request_head(PLAIN).headers[0][0] == "host"
    assert "x-a" in parse_request_head(PLAIN).by_name


def test_first_of_repeated_fields() -> None:
    head = parse_request_head(head_with(b"A: 1", b"a: 2"))
    assert head.by_name["a"] == "1"
    assert [value for name, value in head.headers if name == "a"] == ["1", "2"]


@pytest.mark.parametrize("name", ["connection", "content-encoding", "te", "x-forwarded-for"])
def test_lists_over_several_lines_are_one_list(name: str) -> None:
    lines = [f"{name.title()}: {value}".encode() for value in ("keep-alive", "a, b", "close")]
    head = parse_request_head(head_with(lines[0], b"x: y", *lines[1:]))
    assert head.by_name[name] == "keep-alive, a, b, close"
    assert head.keep_alive is (name != "connection")


def test_one_content_type() -> None:
    """The same twice is one; two would be two readings of one body."""
    form = b"Content-Type: multipart/form-data; boundary=a"
    assert parse_request_head(head_with(form, form)).by_name["content-type"].endswith("boundary=a")
    with pytest.raises(MalformedRequest, match="differ"):
        parse_request_head(head_with(form, form.replace(b"=a", b"=b").lower()))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(junk: bytes) -> None:
    for data in (junk + b"\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n" + junk + b"\r\n\r\n"):
        try:
            head = parse_request_head(data)
        except MalformedRequest:
            continue
        assert head.target[0] in "/*"
        assert not set("\r\n\0") & set("".join(name + value for name, value in head.headers))


@given(st.integers(0, len(PLAIN) - 5), st.integers(0, 255))
def test_one_changed_byte_never_adds_a_field(at: int, byte: int) -> None:
    data = bytearray(PLAIN)
    data[at] = byte
    try:
        head = parse_request_head(bytes(data))
    except MalformedRequest:
        return
    assert len(head.headers) <= 4


def test_equal_heads_share_what_was_derived_from_them() -> None:
    first = parse_request_head(PLAIN)
    first.shared["a"] = 1
    assert parse_request_head(PLAIN.replace(b": 12", b": 13")).shared == {"a": 1}
    assert parse_request_head(PLAIN.replace(b"X-A", b"X-B")).shared == {}


def test_an_empty_length_is_refused_also_after_the_same_head_with_a_length() -> None:
    assert parse_request_head(head_with(b"Content-Length: 7", b"X-Only: here")).content_length == 7
    for value in (b"", b"\n", b" ", b"-7", b"7 7"):
        with pytest.raises(MalformedRequest):
            parse_request_head(head_with(b"Content-Length: " + value, b"X-Only: here"))
