"""How an answer is framed for the client that asked: by length, in chunks, until close, or without a body."""

from __future__ import annotations

from modelyard.http1.message_heads import RequestHead, ResponseHead
from modelyard.http1.response_parsing import has_no_body

NO_BODY, LENGTH, CHUNKED, UNTIL_CLOSE = range(4)

_CHUNKED_LINES = "transfer-encoding: chunked\r\n"
_CLOSE = "connection: close\r\n"
_KEEP_ALIVE = "connection: keep-alive\r\n"


def frame_answer(head: ResponseHead, request: RequestHead, changes_length: bool) -> int:
    """The framing of ``head``'s body towards the client (RFC 9112 section 6)."""
    if has_no_body(request.method, head.status):
        return NO_BODY
    if head.content_length is not None and not changes_length:
        return LENGTH
    return CHUNKED if request.minor_version else UNTIL_CLOSE


def framing_lines(framing: int, length: int | None, request: RequestHead, close: bool) -> str:
    """The header lines that tell ``framing`` and whether the connection stays, each with CRLF."""
    if framing == CHUNKED:
        lines = _CHUNKED_LINES
    elif framing == UNTIL_CLOSE or length is None:
        lines = ""
    else:
        lines = f"content-length: {length}\r\n"
    if close:
        return lines + _CLOSE
    return lines if request.minor_version else lines + _KEEP_ALIVE
