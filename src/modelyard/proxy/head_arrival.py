"""What can already be said of a request head that is not here whole."""

from __future__ import annotations

from modelyard.http1.request_parsing import MAX_TARGET, MalformedRequest

_ROOM_FOR_LINE = MAX_TARGET + 64


def fault_in_part(data: bytes, limit: int) -> MalformedRequest | None:
    """Why the head that begins with ``data`` can never be accepted; None: wait for the rest.

    Without this, a client that ends lines with a bare LF, or speaks TLS to a plain port, would wait for the
    timeout.
    """
    if len(data) >= limit:
        return MalformedRequest(431, f"The request's head is larger than {limit} bytes.")
    if data == b"\r":
        return None  # half of an empty line before the request (RFC 9112 section 2.2)
    first = data[0]
    if not (65 <= first <= 90):
        return MalformedRequest(400, "This is not HTTP/1.1 (is it TLS, or HTTP/2, on a plain port?).")
    if data.count(b"\n") != data.count(b"\r\n"):
        return MalformedRequest(400, "A line of the request's head ends without CR.")
    if b"\r\n" not in data and len(data) > _ROOM_FOR_LINE:
        return MalformedRequest(414, f"The request's target is longer than {MAX_TARGET} bytes.")
    return None
