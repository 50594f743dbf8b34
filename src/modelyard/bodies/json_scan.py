"""Finding members of a JSON text by position, for any split of the text into chunks.

Decoders do not tell where a value stands. ``MemberScanner`` does: it serves rewrites of answers as they
stream by, and the rare request body that the fast paths leave open. It follows structure only; a text that
is not JSON yields no spans or useless ones, never an error, so callers that must be exact decode the text as
well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

import msgspec

Watch: TypeAlias = Mapping[str, "Watch | None"]
"""Keys to look for: None marks a member whose string value is wanted, a mapping an object to look into; the
empty key cannot be looked for."""

TOP_LEVEL_MODEL: Watch = {"model": None}

MAX_HELD_BYTES = 16 * 1024
"""Longest key or wanted value that is waited for across chunks; a longer one is passed over."""

_SHALLOW = re.compile(rb'[^"{}\[\],:]*+')
_DEEP = re.compile(rb'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}\[\]]*+)*+', re.S)
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.S)
_STRING_REST = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.S)

_LEADING_MODEL = re.compile(
    rb"(?:data:)?\s*\{"
    rb'(?:\s*"(?!model"|response"|message")[^"\\]*+"\s*:\s*(?:"[^"\\]*+"|[^"{}\[\]\s,:]++)\s*,)*+'
    rb'\s*"model"\s*:\s*("[^"\\]*+(?:\\.[^"\\]*+)*+")',
    re.S,
)

_QUOTE, _COMMA, _COLON, _OBJECT = b'",:{'
_OPENING, _CLOSING = b"{[", b"}]"


def leading_model(text: bytes) -> tuple[int, int] | None:
    """The span of the top-level ``model``, where only plain members stand before it, as in most answers and
    events.

    None says nothing. ``text`` may begin with ``data:`` and may be the beginning of a longer one.
    """
    match = _LEADING_MODEL.match(text)
    return None if match is None else match.span(1)


class MemberScanner:
    """Walks one JSON text and reports the spans (quotes included) of the wanted string values.

    ``seen`` counts the wanted members met so far, whatever their value; ``depth`` and ``containers`` are the
    deepest nesting and the number of objects and arrays so far. Scanning stops for good once a limit is
    passed.
    """

    __slots__ = (
        "_deep",
        "_in_string",
        "_key",
        "_max_containers",
        "_max_depth",
        "_on_value",
        "_root",
        "_stack",
        "containers",
        "depth",
        "seen",
    )

    def __init__(self, watch: Watch, max_depth: int = 1 << 62, max_containers: int = 1 << 62) -> None:
        self._root = watch
        self._max_depth = max_depth
        self._max_containers = max_containers
        self._stack: list[Watch] = []
        self._deep = 0
        """Open containers inside the innermost watched object that are not watched themselves."""
        self._key = ""
        self._on_value = False
        self._in_string = False
        self.depth = 0
        self.containers = 0
        self.seen = 0

    @property
    def over_limit(self) -> bool:
        return self.depth > self._max_depth or self.containers > self._max_containers

    def scan(self, data: bytes) -> tuple[list[tuple[int, int]], int]:
        """Spans found in ``data``, and how much of it was used; the rest must come again before the next bytes."""
        spans: list[tuple[int, int]] = []
        at, end = 0, len(data)
        while at < end and not self.over_limit:
            if self._in_string:
                at = _STRING_REST.match(data, at).end()  # type: ignore[union-attr]
                if at == end or data[at] != _QUOTE:
                    return spans, at
                self._in_string = False
                at += 1
            at = self._skip(data, at) if self._deep else _SHALLOW.match(data, at).end()  # type: ignore[union-attr]
            if at == end:
                break
            byte = data[at]
            if byte == _QUOTE:
                at, before = self._string(data, at, spans), at
                if at < 0:
                    return spans, before
            else:
                self._structure(byte)
                at += 1
        return spans, end

    def _skip(self, data: bytes, at: int) -> int:
        """Walk over containers that are not watched, to the end of the outermost or to what cannot be passed yet."""
        outer, deep, end = len(self._stack), self._deep, len(data)
        while deep and outer + deep <= self._max_depth and self.containers <= self._max_containers:
            at = _DEEP.match(data, at).end()  # type: ignore[union-attr]
            if at == end or data[at] == _QUOTE:
                break
            if data[at] in _OPENING:
                deep += 1
                self.containers += 1
                if outer + deep > self.depth:
                    self.depth = outer + deep
            else:
                deep -= 1
            at += 1
        self._deep = deep
        return at

    def _string(self, data: bytes, at: int, spans: list[tuple[int, int]]) -> int:
        """Position after the string at ``at``, or after its quote where it is passed over; -1: wait for its
        end."""
        wanted = not self._deep and bool(self._stack) and (not self._on_value or self._wants_value())
        if not wanted:
            self._in_string = True
            return at + 1
        match = _STRING.match(data, at)
        if match is None:
            if len(data) - at < MAX_HELD_BYTES:
                return -1
            self._in_string = True
            return at + 1
        if self._on_value:
            spans.append(match.span())
        else:
            self._key = _text(match.group())
        return match.end()

    def _wants_value(self) -> bool:
        return self._stack[-1].get(self._key, ()) is None

    def _structure(self, byte: int) -> None:
        if byte in _OPENING:
            self._open(byte)
        elif byte in _CLOSING:
            self._close()
        elif byte == _COLON:
            self._on_value = True
            if self._stack and self._wants_value():
                self.seen += 1
        elif byte == _COMMA:
            self._on_value, self._key = False, ""

    def _open(self, byte: int) -> None:
        self.containers += 1
        child = self._child() if byte == _OBJECT else None
        if child is None:
            self._deep += 1
        else:
            self._stack.append(child)
            self._on_value, self._key = False, ""
        self.depth = max(self.depth, self._deep + len(self._stack))

    def _child(self) -> Watch | None:
        if not self._stack:
            return self._root
        return self._stack[-1].get(self._key) if self._on_value else None

    def _close(self) -> None:
        if self._stack:
            self._stack.pop()
            self._on_value = True


def _text(token: bytes) -> str:
    """The key that a string token spells; empty for a token that spells nothing."""
    try:
        return msgspec.json.decode(token, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
