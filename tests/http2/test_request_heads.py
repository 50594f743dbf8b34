from __future__ import annotations

import pytest

from modelyard.http2.frames import PROTOCOL_ERROR, StreamFault
from modelyard.http2.request_heads import FieldList, checked_trailers, request_head

PSEUDO = [(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "epp")]


def test_a_head_is_read_whole() -> None:
    head = request_head([*PSEUDO, ("te", "trailers"), ("x-a", "1"), ("x-a", "2"), ("content-length", "7")])
    assert (head.method, head.path, head.content_length) == ("POST", "/a.B/C", 7)
    assert head.by_name["x-a"] == "1,2"
    assert head.by_name[":authority"] == "epp"
    assert head.fields[0] == (":method", "POST")


def test_values_may_have_bytes_above_ascii_and_be_empty() -> None:
    head = request_head([*PSEUDO, ("x-a", ""), ("x-b", "\xff\x80")])
    assert (head.by_name["x-a"], head.by_name["x-b"]) == ("", "\xff\x80")


MALFORMED: dict[str, FieldList] = {
    "no method": PSEUDO[1:],
    "no scheme": [PSEUDO[0], *PSEUDO[2:]],
    "no path": [*PSEUDO[:2], PSEUDO[3]],
    "empty path": [*PSEUDO[:2], (":path", "")],
    "CONNECT": [(":method", "CONNECT"), (":authority", "a:1")],
    "two methods": [*PSEUDO, (":method", "GET")],
    "unknown pseudo-header": [*PSEUDO, (":protocol", "websocket")],
    "pseudo-header of answers": [*PSEUDO, (":status", "200")],
    "pseudo-header after a field": [*PSEUDO[:3], ("x-a", "1"), PSEUDO[3]],
    "upper-case name": [*PSEUDO, ("X-A", "1")],
    "empty name": [*PSEUDO, ("", "1")],
    "name with a space": [*PSEUDO, ("x a", "1")],
    "name with a colon": [*PSEUDO, ("x:a", "1")],
    "name with a control character": [*PSEUDO, ("x\x01", "1")],
    "name above ASCII": [*PSEUDO, ("x\xe4", "1")],
    "name ends with a line feed": [*PSEUDO, ("x-a\n", "1")],
    "NUL in a value": [*PSEUDO, ("x-a", "1\x00")],
    "CR in a value": [*PSEUDO, ("x-a", "1\r2")],
    "LF in a value": [*PSEUDO, ("x-a", "1\n2")],
    "LF ends a value": [*PSEUDO, ("x-a", "1\n")],
    "space before a value": [*PSEUDO, ("x-a", " 1")],
    "tab after a value": [*PSEUDO, ("x-a", "1\t")],
    "LF in a path": [PSEUDO[0], PSEUDO[1], (":path", "/a\n")],
    "connection": [*PSEUDO, ("connection", "close")],
    "transfer-encoding": [*PSEUDO, ("transfer-encoding", "chunked")],
    "upgrade": [*PSEUDO, ("upgrade", "h2c")],
    "te of HTTP/1.1": [*PSEUDO, ("te", "gzip")],
    "content-length is no number": [*PSEUDO, ("content-length", "+5")],
    "two content-lengths": [*PSEUDO, ("content-length", "5"), ("content-length", "5")],
    "content-length in other digits": [*PSEUDO, ("content-length", "\xb2")],
}


@pytest.mark.parametrize("fields", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_request_is_a_fault_of_its_stream(fields: FieldList) -> None:
    with pytest.raises(StreamFault) as caught:
        request_head(fields)
    assert caught.value.code == PROTOCOL_ERROR


def test_trailers_have_no_pseudo_headers() -> None:
    assert checked_trailers([("x-a", "1")]) == [("x-a", "1")]
    with pytest.raises(StreamFault):
        checked_trailers([(":path", "/")])
