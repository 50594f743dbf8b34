from __future__ import annotations

import json
from email.utils import parsedate_to_datetime

import pytest

from modelyard.exchange.commands import Respond
from modelyard.http1.request_parsing import parse_request_head
from modelyard.http1.response_parsing import parse_response_head
from modelyard.proxy import own_answers

GET = parse_request_head(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
HEAD = parse_request_head(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
OLD = parse_request_head(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")


def split(data: bytes) -> tuple[bytes, bytes]:
    head, _, body = data.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", body


def test_an_answer_is_framed_by_its_length() -> None:
    head, body = split(own_answers.answer(Respond(200, [("x-a", "b")], b"hello"), GET, close=False))
    parsed = parse_response_head(head)
    assert (parsed.status, parsed.reason, parsed.content_length, body) == (200, "OK", 5, b"hello")
    assert parsed.keep_alive
    assert parsed.by_name["x-a"] == "b"
    assert parsedate_to_datetime(parsed.by_name["date"])


def test_framing_fields_of_the_exchange_do_not_count() -> None:
    fields = [("content-length", "99"), ("transfer-encoding", "chunked"), ("connection", "x")]
    head, _ = split(own_answers.answer(Respond(200, fields, b"hello"), GET, close=True))
    parsed = parse_response_head(head)
    assert parsed.content_length == 5
    assert not parsed.keep_alive


@pytest.mark.parametrize("status", [204, 304])
def test_some_answers_have_no_length(status: int) -> None:
    head, body = split(own_answers.answer(Respond(status, []), GET, close=False))
    assert b"content-length" not in head
    assert body == b""


def test_an_answer_to_head_has_the_length_but_no_body() -> None:
    respond = Respond(200, [("content-type", "application/json")], b"hello")
    head, body = split(own_answers.answer(respond, HEAD, close=False))
    assert b"content-length: 5" in head
    assert b"content-type" not in head
    assert body == b""


def test_http_1_0_is_told_that_its_connection_stays() -> None:
    head, _ = split(own_answers.answer(Respond(200, [], b"x"), OLD, close=False))
    assert b"\r\nconnection: keep-alive\r\n" in head


def test_a_value_that_would_add_a_line_is_a_500() -> None:
    head, body = split(own_answers.answer(Respond(200, [("location", "/\r\nSet-Cookie: a")]), GET, close=False))
    assert head.startswith(b"HTTP/1.1 500 ")
    assert b"set-cookie" not in head.lower()
    assert json.loads(body)["error"]["code"] == "bad_response_header"


@pytest.mark.parametrize(
    ("respond", "status", "code"),
    [
        (own_answers.malformed(400, "m"), 400, "malformed_request"),
        (own_answers.head_timeout(10), 408, "request_timeout"),
        (own_answers.body_timeout(), 408, "request_timeout"),
        (own_answers.too_many_connections(), 503, "too_many_connections"),
        (own_answers.overloaded(), 503, "overloaded"),
        (own_answers.internal_error(), 500, "internal_error"),
    ],
)
def test_answers_of_the_shell(respond: Respond, status: int, code: str) -> None:
    _, body = split(own_answers.answer(respond, None, close=True))
    error = json.loads(body)["error"]
    assert (respond.status, error["code"]) == (status, code)
    assert set(error) == {"message", "type", "param", "code"}
