"""A request head, or why it is refused (RFC 9112 sections 2 to 6).

The only way in is ``parse_request_head``. What it returns has one meaning only: one Host, one framing, an
origin-form target without raw control characters. Everything behind it trusts that.

What is refused is a 4xx, also where RFC 9110 offers 501 and 505: a 5xx of the gateway means that it, or an endpoint, is
at fault.
"""

from __future__ import annotations

import re

from modelyard.http1.header_fields import MalformedField, has_token, index_fields, parse_fields
from modelyard.http1.message_heads import Headers, RequestHead
from modelyard.http1.remembered_heads import RememberedHeads, split_length

MAX_TARGET = 16 * 1024
"""Longest request target in bytes; longer: 414. Twice what RFC 9112 section 3 asks every reader to accept."""
MAX_FIELDS = 256
"""Most header fields; more: 431. A bound on the work per head; real clients send below 50."""

_VERSION = re.compile(r"HTTP/[0-9]\.[0-9]")
_METHOD = re.compile(r"[A-Z][A-Z0-9_-]{0,31}")
_TARGET = re.compile(r"[\x21\x22\x24-\x7e]+")  # printable ASCII without '#'
_ABSOLUTE = re.compile(r"https?://([^/?]*)(/[^?]*)?(?:\?(.*))?", re.IGNORECASE)
_AUTHORITY = re.compile(r"([A-Za-z0-9_](?:[A-Za-z0-9._-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?")
_ONLY_ONCE = ("host", "content-length", "transfer-encoding")
_LISTS = ("connection", "content-encoding", "te", "x-forwarded-for")
"""Lists that are read here or in the exchange: one value over several lines (RFC 9110 section 5.3)."""
_TUNNELLED = frozenset({"websocket"})  # an allow-list: a tunnelled h2c would carry requests that nobody checks

_RequestLine = tuple[str, str, str, str, int]
"""method, target, path, query, minor version"""
_remembered_lines: dict[str, _RequestLine] = {}
_remembered_hosts: dict[str, str] = {}
_remembered_heads: RememberedHeads[tuple[RequestHead, int]] = RememberedHeads()
"""With the position of Content-Length among the fields; -1: it has none."""
_REMEMBERED = 1024


class MalformedRequest(ValueError):
    """The client's request cannot be read safely: answer ``status`` with ``message``, then close the
    connection.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def parse_request_head(data: bytes) -> RequestHead:
    """Read one head; ``data`` ends with the empty line (CRLFCRLF). Raises ``MalformedRequest``."""
    key, digits = split_length(data)
    known = _remembered_heads.get(key)
    if known is not None:
        return _recall(known, digits)
    head = _read_head(data)
    position = next((i for i, (name, _) in enumerate(head.headers) if name == "content-length"), -1)
    _remembered_heads.keep(key, (head, position))
    return _recall((head, position), digits)


def _recall(known: tuple[RequestHead, int], digits: bytes) -> RequestHead:
    """A copy of ``known`` that the caller may change, with the body's length that ``digits`` say."""
    head, position = known
    headers = head.headers.copy()
    by_name = head.by_name.copy()
    length = head.content_length
    if digits:
        text = digits.decode()
        headers[position] = ("content-length", text)
        by_name["content-length"] = text
        length = int(text)
    return RequestHead(
        head.method,
        head.target,
        head.path,
        head.query,
        head.minor_version,
        head.host,
        head.authority,
        headers,
        by_name,
        length,
        head.chunked,
        head.keep_alive,
        head.expect_continue,
        head.upgrade,
        head.shared,
    )


def _read_head(data: bytes) -> RequestHead:
    lines = data.decode("latin-1").split("\r\n")
    del lines[-2:]
    request_line = _remembered_lines.get(lines[0]) or _parse_request_line(lines[0])
    del lines[0]
    method, target, path, query, minor = request_line
    try:
        headers = parse_fields(lines)
    except MalformedField as fault:
        raise MalformedRequest(400, str(fault)) from None
    by_name = dict(headers)
    if len(by_name) != len(headers):
        by_name = _checked_repeats(headers)
    if len(headers) > MAX_FIELDS:
        raise MalformedRequest(431, f"The request has more than {MAX_FIELDS} header fields.")
    authority = by_name.get("host")
    if target[0] != "/" and target != "*":
        target, path, query, authority = _reduce_absolute(method, target, headers, by_name)
    if authority is None:
        if minor:
            raise MalformedRequest(400, "The request has no Host header.")
        authority = host = ""
    else:
        host = _remembered_hosts.get(authority) or _parse_host(authority)
    head = RequestHead(method, target, path, query, minor, host, authority, headers, by_name)
    _read_framing(head, by_name)
    _read_connection(head, by_name)
    return head


def _parse_request_line(line: str) -> _RequestLine:
    method, target, version = _split_request_line(line)
    if not _METHOD.fullmatch(method):
        raise MalformedRequest(400, "The request's method is not written in capital letters.")
    if len(target) > MAX_TARGET:
        raise MalformedRequest(414, f"The request's target is longer than {MAX_TARGET} bytes.")
    if not _TARGET.fullmatch(target):
        raise MalformedRequest(400, "The request's target has characters that must be percent-encoded.")
    if method == "CONNECT":
        raise MalformedRequest(405, "This gateway does not open tunnels (CONNECT).")
    if target == "*" and method != "OPTIONS":
        raise MalformedRequest(400, "The target * is for OPTIONS only.")
    path, _, query = target.partition("?")
    parsed = (method, target, path, query, int(version[-1]))
    if len(line) <= 128 and not query:
        if len(_remembered_lines) >= _REMEMBERED:
            _remembered_lines.clear()
        _remembered_lines[line] = parsed
    return parsed


def _split_request_line(line: str) -> tuple[str, str, str]:
    parts = line.split(" ")
    if len(parts) != 3 or not parts[0] or not parts[1]:
        raise MalformedRequest(400, "The request line is not 'METHOD target HTTP/1.1'.")
    method, target, version = parts
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        if _VERSION.fullmatch(version):
            raise MalformedRequest(400, "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
        raise MalformedRequest(400, "The request line is not 'METHOD target HTTP/1.1'.")
    return method, target, version


def _reduce_absolute(method: str, target: str, headers: Headers, by_name: dict[str, str]) -> tuple[str, str, str, str]:
    """Turn ``http://host/path`` into origin form; its host replaces Host (RFC 9112 section 3.2.2)."""
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise MalformedRequest(400, "The request's target is neither a path nor an http URL.")
    authority, path, query = match.groups()
    _parse_host(authority)
    headers[:] = [("host", authority), *(field for field in headers if field[0] != "host")]
    by_name["host"] = authority
    if path is None and query is None and method == "OPTIONS":
        return "*", "*", "", authority
    path = path or "/"
    return (path if query is None else f"{path}?{query}"), path, query or "", authority


def _parse_host(authority: str) -> str:
    match = _AUTHORITY.fullmatch(authority)
    if match is None or (match[2] is not None and int(match[2]) > 65535):
        raise MalformedRequest(400, "The Host header is not 'name' or 'name:port'.")
    host = match[1].lower()
    if host.endswith("."):
        host = host[:-1]
    if len(_remembered_hosts) >= _REMEMBERED:
        _remembered_hosts.clear()
    _remembered_hosts[authority] = host
    return host


def _read_framing(head: RequestHead, by_name: dict[str, str]) -> None:
    """Content-Length or chunked, never both, each once and in one spelling (RFC 9112 section 6)."""
    length = by_name.get("content-length")
    coding = by_name.get("transfer-encoding")
    if length is not None:
        if coding is not None:
            raise MalformedRequest(400, "The request has both Content-Length and Transfer-Encoding.")
        if not (length.isdigit() and length.isascii() and len(length) <= 18):
            raise MalformedRequest(400, "Content-Length is not a plain decimal number.")
        head.content_length = int(length)
    elif coding is not None:
        _check_coding(coding, head.minor_version)
        head.chunked = True


def _check_coding(coding: str, minor: int) -> None:
    if not minor:
        raise MalformedRequest(400, "HTTP/1.0 has no Transfer-Encoding.")
    codings = [part.strip(" \t") for part in coding.lower().split(",")]
    if codings == ["chunked"]:
        return
    if codings[-1] != "chunked" or codings.count("chunked") > 1 or "" in codings:
        raise MalformedRequest(400, "Transfer-Encoding must end with one 'chunked'.")
    raise MalformedRequest(400, "Only the transfer coding 'chunked' is supported.")


def _read_connection(head: RequestHead, by_name: dict[str, str]) -> None:
    connection = by_name.get("connection")
    if connection is None:
        head.keep_alive = head.minor_version == 1
    elif connection != "keep-alive":
        head.keep_alive = not has_token(connection, "close") and (
            head.minor_version == 1 or has_token(connection, "keep-alive")
        )
        if "upgrade" in by_name and head.minor_version and not head.has_body and has_token(connection, "upgrade"):
            protocol = by_name["upgrade"].lower()
            head.upgrade = protocol if protocol in _TUNNELLED else ""
    if "expect" in by_name and head.minor_version:
        if by_name["expect"].lower() != "100-continue":
            raise MalformedRequest(417, "The only expectation that is met here is 100-continue.")
        head.expect_continue = True


def _checked_repeats(headers: Headers) -> dict[str, str]:
    names = [name for name, _ in headers]
    for name in _ONLY_ONCE:
        if names.count(name) > 1:
            raise MalformedRequest(400, f"The request has more than one {name.title()} header.")
    by_name = index_fields(headers)
    if names.count("content-type") > 1 and len({value for name, value in headers if name == "content-type"}) > 1:
        # Two readers of such a body could find another boundary in it, and another model behind that.
        raise MalformedRequest(400, "The request has two Content-Type headers that differ.")
    for name in _LISTS:
        if names.count(name) > 1:
            by_name[name] = ", ".join([value for known, value in headers if known == name])
    return by_name
