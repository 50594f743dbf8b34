"""A proxy's header lines as the head of a request."""

from __future__ import annotations

import re
from collections.abc import Sequence

from modelyard.exchange.trusted_headers import BASE_MODEL_NAME, MODEL_NAME, TRUSTED_NAMES, TRUSTED_PREFIXES, is_trusted
from modelyard.extproc.processing_request import FieldLine
from modelyard.http1.header_fields import index_fields
from modelyard.http1.message_heads import RequestHead

_SET_BY_ROUTER = (MODEL_NAME, BASE_MODEL_NAME)
"""What a body-based router before the picker sets, after removing what the client sent."""


def _in_any_spelling(name: str) -> str:
    return name.replace("-", "[-_]")


_BEGINNINGS = map(_in_any_spelling, [*TRUSTED_PREFIXES, *(TRUSTED_NAMES - set(_SET_BY_ROUTER))])
_TWINS = (f"(?!{name}$){_in_any_spelling(name)}$" for name in _SET_BY_ROUTER)
_SUSPECT = re.compile(f"^(?:{'|'.join([*_BEGINNINGS, *_TWINS])})", re.M)
"""Finds in no time that nearly no request has a forged header."""


def request_head(lines: Sequence[FieldLine]) -> RequestHead:
    """The head. Lines that are missing are empty: a proxy may show none."""
    by_name = index_fields(list(lines))
    target = by_name.get(":path", "")
    path, _, query = target.partition("?")
    authority = by_name.get(":authority") or by_name.get("host", "")
    return RequestHead(by_name.get(":method", ""), target, path, query, 1, "", authority, [], by_name)


def take_forged(head: RequestHead) -> list[str]:
    """Take a client's copies of headers that only Modelyard sets out of ``head``; their names, as sent."""
    by_name = head.by_name
    if not _SUSPECT.search("\n".join(by_name)):
        return []
    forged = [name for name in by_name if is_trusted(name) and name not in _SET_BY_ROUTER]
    for name in forged:
        del by_name[name]
    return forged
