"""One header field line: checked, split, and remembered.

Most lines of an API client are the same in every request (``accept: application/json``), so a checked line of
a common field is kept in a bounded table and costs one look-up afterwards. Lines that carry secrets or change
with every request are not kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from modelyard.http1.message_heads import Headers

TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 - the grammar's word, RFC 9110 section 5.6.2

_TOKEN = re.compile(TOKEN)
_BAD_VALUE = re.compile(r"[^\t\x20-\x7e\x80-\xff]")

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
        "http2-settings",
    }
)
"""Fields that are meant for one connection only (RFC 9110 section 7.6.1) and never cross the gateway."""

REMEMBERED_LINES = 4096
"""Entries in a table of remembered lines; a full table is emptied, so a client that varies its lines costs
no memory.
"""
REMEMBERED_LENGTH = 256
"""Longest line that is remembered, in characters."""

_REMEMBERED_NAMES = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "connection",
        "content-length",
        "content-type",
        "date",
        "host",
        "server",
        "transfer-encoding",
        "user-agent",
        "vary",
        "x-accel-buffering",
        "x-stainless-arch",
        "x-stainless-async",
        "x-stainless-lang",
        "x-stainless-os",
        "x-stainless-package-version",
        "x-stainless-raw-response",
        "x-stainless-read-timeout",
        "x-stainless-retry-count",
        "x-stainless-runtime",
        "x-stainless-runtime-version",
        "x-stainless-timeout",
    }
)

_remembered: dict[str, tuple[str, str]] = {}
_known_names: dict[str, str] = {}


class MalformedField(ValueError):
    """A header line breaks the grammar; the text says how."""


def parse_fields(lines: list[str]) -> Headers:
    """Split field lines (without CRLF) into lower-case names and values. Raises ``MalformedField``."""
    look_up = _remembered.get
    return [look_up(line) or parse_field(line) for line in lines]


def parse_field(line: str) -> tuple[str, str]:
    """Check one field line (RFC 9112 section 5) and split it. Raises ``MalformedField``."""
    name, colon, value = line.partition(":")
    known = _known_names.get(name) or _learn_name(name)
    if not known or not colon:
        raise MalformedField(_explain(line))
    if not (value.isascii() and value.isprintable()) and _BAD_VALUE.search(value):
        raise MalformedField(f"The value of the header field {known[:64]} has control characters.")
    field = (known, value.strip(" \t"))
    if known in _REMEMBERED_NAMES and len(line) <= REMEMBERED_LENGTH:
        if len(_remembered) >= REMEMBERED_LINES:
            _remembered.clear()
        _remembered[line] = field
    return field


def _learn_name(name: str) -> str:
    """The lower-case form of a valid field name; empty where it is not one."""
    if not _TOKEN.fullmatch(name):
        return ""
    if len(_known_names) >= REMEMBERED_LINES:
        _known_names.clear()
    if len(name) > REMEMBERED_LENGTH:
        return name.lower()
    return _known_names.setdefault(name, name.lower())


def _explain(line: str) -> str:
    if line[:1] in (" ", "\t"):
        return "A header field is folded over several lines; send it on one line."
    if ":" not in line:
        return "A header line has no colon."
    return "The name of a header field is empty or has characters that are not allowed."


def index_fields(fields: Headers) -> dict[str, str]:
    """The first value of each field by name."""
    by_name = dict(fields)
    return by_name if len(by_name) == len(fields) else dict(reversed(fields))


def has_token(value: str, token: str) -> bool:
    """Whether a comma-separated list has ``token`` (lower case), in any spelling."""
    return value.lower() == token or token in (part.strip(" \t") for part in value.lower().split(","))


def end_to_end(fields: Headers) -> Headers:
    """The fields that may cross the gateway: without hop-by-hop fields and those that Connection names."""
    dropped: Iterable[str] = HOP_BY_HOP
    for name, value in fields:
        if name == "connection" and value.lower() not in ("keep-alive", "close", "upgrade"):
            dropped = {*dropped, *(part.strip(" \t") for part in value.lower().split(","))}
    return [field for field in fields if field[0] not in dropped]
