from __future__ import annotations

import pytest

from modelyard.http1.request_parsing import MAX_TARGET
from modelyard.proxy.head_arrival import fault_in_part

LIMIT = 65536
HEAD = b"\r\nPOST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("end", range(1, len(HEAD)))
def test_no_part_of_a_good_head_is_refused(end: int) -> None:
    part = HEAD[:end]
    assert fault_in_part(part if end < 2 else part[2:] or b"P", LIMIT) is None


@pytest.mark.parametrize(
    ("part", "status"),
    [
        (b"GET / HTTP/1.1\n", 400),
        (b"GET / HTTP/1.1\r\nA: b\n", 400),
        (b"\x16\x03\x01", 400),
        (b"\rGET", 400),
        (b" GET", 400),
        (b"\n", 400),
        (b"get / HTTP/1.1\r\n", 400),
        (b"G" * LIMIT, 431),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * LIMIT, 431),
        (b"GET /" + b"a" * (MAX_TARGET + 100), 414),
    ],
)
def test_what_can_never_become_a_head_is_refused_at_once(part: bytes, status: int) -> None:
    fault = fault_in_part(part, LIMIT)
    assert fault is not None
    assert fault.status == status
