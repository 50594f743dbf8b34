"""Answers that no endpoint gave, as bytes for a client's connection."""

from __future__ import annotations

import time
from email.utils import formatdate

from modelyard.exchange.commands import Respond
from modelyard.exchange.refusals import refuse
from modelyard.http1.message_heads import RequestHead
from modelyard.http1.response_parsing import has_no_body
from modelyard.http1.serialising import UnsendableHead, reason_phrase, response_head

_FRAMING_NAMES = frozenset({"content-length", "transfer-encoding", "connection", "date"})
_WITHOUT_BODY = _FRAMING_NAMES | {"content-type"}
"""An answer to HEAD that names a type makes some clients parse a body that is not there (RFC 9110 9.3.2 lets it go)."""
_date: tuple[int, str] = (0, "")


def answer(respond: Respond, request: RequestHead | None, *, close: bool) -> bytes:
    """``respond`` on the wire; ``request`` None: it could not be read."""
    try:
        return _answer(respond, request, close)
    except UnsendableHead:
        return _answer(broken_header(), request, True)


def _answer(respond: Respond, request: RequestHead | None, close: bool) -> bytes:
    method, minor = (request.method, request.minor_version) if request is not None else ("GET", 1)
    bodiless = has_no_body(method, respond.status)
    left_out = _WITHOUT_BODY if bodiless else _FRAMING_NAMES
    fields = [field for field in respond.headers if field[0] not in left_out]
    lines = f"date: {http_date()}\r\n"
    if respond.status not in (204, 304):
        lines += f"content-length: {len(respond.body)}\r\n"
    if close:
        lines += "connection: close\r\n"
    elif not minor:
        lines += "connection: keep-alive\r\n"
    head = response_head(respond.status, reason_phrase(respond.status), fields, lines)
    return head if bodiless else head + respond.body


def http_date() -> str:
    """The Date header's value now; made once per second."""
    global _date
    second = int(time.time())
    if _date[0] != second:
        _date = (second, formatdate(second, usegmt=True))
    return _date[1]


def malformed(status: int, message: str) -> Respond:
    """The request could not be read; the connection cannot be used again."""
    return refuse(status, message, code="malformed_request")


def head_timeout(seconds: float) -> Respond:
    return refuse(408, f"The request's head did not arrive within {seconds:g} seconds.", code="request_timeout")


def body_timeout() -> Respond:
    message = "The request's body came too slowly; send it without pauses."
    return refuse(408, message, code="request_timeout")


def too_many_connections() -> Respond:
    message = "This gateway has as many connections as it may; reuse connections or try again later."
    return refuse(503, message, code="too_many_connections", headers=[("retry-after", "1")])


def overloaded() -> Respond:
    message = "This gateway holds as many request bodies as it may; try again soon."
    return refuse(503, message, code="overloaded", headers=[("retry-after", "1")])


def internal_error() -> Respond:
    message = "The gateway failed on this request; its log tells why. Report it if it happens again."
    return refuse(500, message, code="internal_error")


def broken_header() -> Respond:
    message = "An answer's header has characters that HTTP does not allow; look at the route's filters."
    return refuse(500, message, code="bad_response_header")
