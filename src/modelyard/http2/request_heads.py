"""Requests of HTTP/2 as values, checked (RFC 9113, sections 8.2 and 8.3). Text is latin-1, byte for byte."""

from __future__ import annotations

import re

from modelyard.http2.frames import PROTOCOL_ERROR, StreamFault

FieldList = list[tuple[str, str]]
"""Header fields in order: (name, value)."""

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]+")
_VALUE = re.compile(r"(?:[^\x00\r\n \t](?:[^\x00\r\n]*[^\x00\r\n \t])?)?")
_PSEUDO = frozenset((":method", ":scheme", ":path", ":authority"))
_OF_CONNECTIONS = frozenset(("connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"))
"""Fields of HTTP/1.1 that must not be in HTTP/2 (RFC 9113, section 8.2.2)."""


class RequestHead:
    """A request's head. One object serves all requests whose header blocks are equal: it is never changed."""

    __slots__ = ("by_name", "content_length", "fields", "method", "path")

    def __init__(self, fields: FieldList, by_name: dict[str, str]) -> None:
        self.fields = fields
        self.by_name = by_name
        """Values by name, pseudo-header fields among them; of a field that came more than once joined by ``,``."""
        self.method = by_name[":method"]
        self.path = by_name[":path"]
        """With the query, as sent."""
        self.content_length = _length(by_name.get("content-length"))
        """-1: the request does not say."""


def request_head(fields: FieldList) -> RequestHead:
    """A decoded header list, checked. Raises StreamFault: the request is malformed (RFC 9113, section 8.1.1)."""
    by_name: dict[str, str] = {}
    regular = False
    for name, value in fields:
        if name.startswith(":"):
            if regular or name not in _PSEUDO or name in by_name:
                raise _malformed(f"{name[:40]!r} must not stand here")
            _check_value(value)
            by_name[name] = value
        else:
            regular = True
            _check_field(name, value)
            by_name[name] = f"{by_name[name]},{value}" if name in by_name else value
    _check_whole(by_name)
    return RequestHead(fields, by_name)


def checked_trailers(fields: FieldList) -> FieldList:
    """Fields after a body, checked. Raises StreamFault."""
    for name, value in fields:
        _check_field(name, value)
    return fields


def _check_whole(by_name: dict[str, str]) -> None:
    """A request has a method, a scheme and a path (RFC 9113, section 8.3.1). CONNECT is not served: it has none of the
    latter two, so it counts as malformed."""
    if not (by_name.get(":method") and by_name.get(":scheme") and by_name.get(":path")):
        raise _malformed("a request needs :method, :scheme and :path")


def _check_field(name: str, value: str) -> None:
    if not _NAME.fullmatch(name):
        raise _malformed(f"{name[:40]!r} is no name of a field")
    if name in _OF_CONNECTIONS or (name == "te" and value != "trailers"):
        raise _malformed(f"{name!r} belongs to HTTP/1.1")
    _check_value(value)


def _check_value(value: str) -> None:
    """RFC 9113, section 8.2.1."""
    if not _VALUE.fullmatch(value):
        raise _malformed("a value has characters that it must not have")


def _length(value: str | None) -> int:
    if value is None:
        return -1
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise _malformed("content-length is no number")
    return int(value)


def _malformed(message: str) -> StreamFault:
    return StreamFault(PROTOCOL_ERROR, message)
