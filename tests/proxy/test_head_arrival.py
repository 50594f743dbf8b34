from __future__ import annotations

import pytest

from modelyard.proxy.head_arrival import fault_in_part

HEAD = b"\r\nPOST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("end", range(1, len(HEAD)))
def test_no_part_of_a_good_head_is_refused(end: int) -> None:
    part = HEAD[:end]
    assert fault_in_part(part if end < 2 else part[2:] or b"P", 65536) is None


@pytest.mark.parametrize(
    ("part", "status"),
    [
        (b"\x16\x03\x01", 400),
        (b"\rGET", 400),
        (b"get / HTTP/1.1\r\n", 501),
        (b"GET / HTTP/1.1\n", 400),
        (b"GET /" + b"a" * 17000, 414),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 65536, 431),
    ],
)
def test_what_can_never_become_a_head_is_refused_at_once(part: bytes, status: int) -> None:
    fault = fault_in_part(part, 65536)
    assert fault is not None
    assert fault.status == status
