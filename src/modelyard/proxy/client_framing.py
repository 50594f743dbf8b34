"""How an answer is framed for the client that asked: by length, in chunks, until close, or without a body."""

from __future__ import annotations

from modelyard.http1.message_heads import RequestHead, ResponseHead
from modelyard.http1.response_parsing import has_no_body

NO_BODY, LENGTH, CHUNKED, UNTIL_CLOSE = range(4)


def frame_answer(head: ResponseHead, request: RequestHead, changes_length: bool) -> int:
    """The framing of ``head``'s body towards the client (RFC 9112 section 6)."""
    if has_no_body(request.method, head.status):
        return NO_BODY
    if head.content_length is not None and not changes_length:
        return LENGTH
    return CHUNKED if request.minor_version else UNTIL_CLOSE


def framing_lines(framing: int, length: int | None, minor_version: int, keep_alive: bool) -> str:
    """The header lines that tell ``framing`` and whether the connection stays, each with CRLF."""
    if framing == CHUNKED:
        lines = "transfer-encoding: chunked\r\n"
    elif length is None or framing == UNTIL_CLOSE:
        lines = ""
    else:
        lines = f"content-length: {length}\r\n"
    if not keep_alive:
        return lines + "connection: close\r\n"
    return lines if minor_version else lines + "connection: keep-alive\r\n"
