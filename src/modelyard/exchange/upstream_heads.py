"""The request head that goes to an endpoint, as bytes."""

from __future__ import annotations

from modelyard.http1.message_heads import Headers, RequestHead

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "expect",
        "host",
    }
)
"""Fields of the client's connection (RFC 9110 section 7.6.1), and those written anew."""


def upstream_headers(head: RequestHead) -> Headers:
    """The client's end-to-end fields."""
    connection = head.by_name.get("connection")
    if connection is None or connection == "keep-alive":
        return [field for field in head.headers if field[0] not in HOP_BY_HOP]
    named = {name.strip().lower() for name in connection.split(",")}
    return [field for field in head.headers if field[0] not in HOP_BY_HOP and field[0] not in named]


def upstream_head(
    method: str,
    target: str,
    host: str,
    headers: Headers,
    *,
    length: int | None,
    chunked: bool,
    upgrade: str = "",
) -> bytes:
    """The head on the wire. ``length`` None and not ``chunked``: a request without body."""
    lines = [f"{method} {target} HTTP/1.1", f"host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if length is not None:
        lines.append(f"content-length: {length}")
    elif chunked:
        lines.append("transfer-encoding: chunked")
    if upgrade:
        lines.append(f"connection: upgrade\r\nupgrade: {upgrade}")
    lines.append("\r\n")
    return "\r\n".join(lines).encode("latin-1")
