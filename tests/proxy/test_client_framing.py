from __future__ import annotations

import pytest

from modelyard.http1.message_heads import ResponseHead
from modelyard.http1.request_parsing import parse_request_head
from modelyard.proxy.client_framing import CHUNKED, LENGTH, NO_BODY, UNTIL_CLOSE, frame_answer, framing_lines


@pytest.mark.parametrize(
    ("request_line", "status", "length", "changes", "expected"),
    [
        (b"GET / HTTP/1.1", 200, 5, False, LENGTH),
        (b"GET / HTTP/1.1", 200, 0, False, LENGTH),
        (b"GET / HTTP/1.1", 200, None, False, CHUNKED),
        (b"GET / HTTP/1.1", 200, 5, True, CHUNKED),
        (b"GET / HTTP/1.0", 200, 5, False, LENGTH),
        (b"GET / HTTP/1.0", 200, None, False, UNTIL_CLOSE),
        (b"GET / HTTP/1.0", 200, 5, True, UNTIL_CLOSE),
        (b"HEAD / HTTP/1.1", 200, 5, False, NO_BODY),
        (b"GET / HTTP/1.1", 204, None, False, NO_BODY),
        (b"GET / HTTP/1.1", 304, 5, False, NO_BODY),
    ],
)
def test_framing(request_line: bytes, status: int, length: int | None, changes: bool, expected: int) -> None:
    request = parse_request_head(request_line + b"\r\nHost: a\r\n\r\n")
    head = ResponseHead(status, "", [], content_length=length)
    assert frame_answer(head, request, changes) == expected


@pytest.mark.parametrize(
    ("framing", "length", "minor", "keep_alive", "expected"),
    [
        (LENGTH, 5, 1, True, "content-length: 5\r\n"),
        (LENGTH, 5, 0, True, "content-length: 5\r\nconnection: keep-alive\r\n"),
        (LENGTH, 5, 1, False, "content-length: 5\r\nconnection: close\r\n"),
        (CHUNKED, None, 1, True, "transfer-encoding: chunked\r\n"),
        (CHUNKED, 5, 1, True, "transfer-encoding: chunked\r\n"),
        (UNTIL_CLOSE, 5, 0, False, "connection: close\r\n"),
        (NO_BODY, 5, 1, True, "content-length: 5\r\n"),
        (NO_BODY, None, 1, True, ""),
    ],
)
def test_lines(framing: int, length: int | None, minor: int, keep_alive: bool, expected: str) -> None:
    assert framing_lines(framing, length, minor, keep_alive) == expected
