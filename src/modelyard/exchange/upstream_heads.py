"""The request head that goes to an endpoint, as bytes."""

from __future__ import annotations

from modelyard.http1.header_fields import HOP_BY_HOP
from modelyard.http1.message_heads import Headers, RequestHead
from modelyard.http1.serialising import request_head

NOT_PASSED_ON = HOP_BY_HOP | {"content-length", "expect", "host"}
"""Fields of the client's connection, and those written anew."""


def upstream_headers(head: RequestHead) -> Headers:
    """The client's end-to-end fields."""
    connection = head.by_name.get("connection")
    if connection is None or connection == "keep-alive":
        return [field for field in head.headers if field[0] not in NOT_PASSED_ON]
    named = {name.strip().lower() for name in connection.split(",")}
    return [field for field in head.headers if field[0] not in NOT_PASSED_ON and field[0] not in named]


def upstream_head(
    method: str,
    target: str,
    host: str,
    headers: Headers,
    *,
    length: str | None,
    chunked: bool,
    upgrade: str = "",
) -> bytes:
    """The head on the wire. ``length`` None and not ``chunked``: a request without body.

    Raises ``UnsendableHead`` where a filter or a body field put something into a header that no head can carry.
    """
    fields = [("host", host), *headers]
    if length is not None:
        fields.append(("content-length", length))
    elif chunked:
        fields.append(("transfer-encoding", "chunked"))
    if upgrade:
        fields += [("connection", "upgrade"), ("upgrade", upgrade)]
    return request_head(method, target, fields)
