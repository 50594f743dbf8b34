from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.http1.request_parsing import MalformedRequest, parse_request_head
from modelyard.http1.serialising import UnsendableHead, reason_phrase, request_head, response_head


def test_a_request_head() -> None:
    data = request_head("GET", "/x?y", [("host", "a"), ("x-a", "b")])
    assert data == b"GET /x?y HTTP/1.1\r\nhost: a\r\nx-a: b\r\n\r\n"


def test_a_response_head() -> None:
    data = response_head(404, "Not Found", [("x-a", "\xe4")], "content-length: 3\r\n")
    assert data == b"HTTP/1.1 404 Not Found\r\nx-a: \xe4\r\ncontent-length: 3\r\n\r\n"


BAD_FIELDS = [("a", "b\r\nc: d"), ("a", "b\nc"), ("a", "b\rc"), ("a\r\nb", "c"), ("a", "b\0"), ("a", "€")]


@pytest.mark.parametrize("field", BAD_FIELDS)
def test_no_value_adds_a_line(field: tuple[str, str]) -> None:
    with pytest.raises(UnsendableHead):
        request_head("GET", "/", [field])
    with pytest.raises(UnsendableHead):
        response_head(200, "OK", [field], "")


@pytest.mark.parametrize(("method", "target"), [("GET", "/a b"), ("GET /x HTTP/1.1\r\nA:", "/"), ("GET", "/\r\nA: b")])
def test_no_target_adds_a_line(method: str, target: str) -> None:
    with pytest.raises(UnsendableHead):
        request_head(method, target, [])


def test_no_reason_adds_a_line() -> None:
    with pytest.raises(UnsendableHead):
        response_head(200, "OK\r\nA: b", [], "")


@given(st.text(max_size=20), st.text(max_size=40))
def test_what_is_sent_has_exactly_the_given_fields(name: str, value: str) -> None:
    try:
        data = request_head("GET", "/", [("host", "a"), (name, value)])
        head = parse_request_head(data)
    except (UnsendableHead, MalformedRequest):
        return
    assert len(head.headers) == 2


def test_reason_phrases() -> None:
    assert reason_phrase(200) == "OK"
    assert reason_phrase(299) == ""
