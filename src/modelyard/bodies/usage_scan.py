"""The token usage of a JSON answer of any length: found as the answer passes, in one pass and with bounded memory.

Engines write more after it than fits anywhere (the log probabilities of a prompt). Until a ``usage`` object is met,
chunks are searched for the name only, which cannot stand in a string: its quotes would be escaped there. From then on
brackets are counted, to tell the answer's own usage from one that stands deeper: the object that it is a member of is
the one that ends with the answer.
"""

from __future__ import annotations

import re

import msgspec

from modelyard.bodies.facts import Usage
from modelyard.bodies.usage import read_usage

MAX_HELD_BYTES = 4 * 1024
"""Longest ``usage`` object that is waited for across chunks."""
_MAX_CLOSINGS = 64
"""Closing braces that such an object may have."""

_NAME = b'"usage"'
_BEFORE_VALUE = re.compile(rb"\s*+(:?+)\s*+")
_BRACKET = re.compile(rb"[{}\[\]]")
_AS_BRACES = bytes.maketrans(b"[]", b"{}")
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"{}[]")
_BACKSLASH, _OPENING = b"\\{"
_ROUNDS = 8
"""Levels of nesting that are taken off at once; deeper text is walked bracket by bracket."""


class UsageScanner:
    """Feed it the answer, in any pieces; then ``usage``."""

    __slots__ = ("_awaits_end", "_closed", "_depth", "_escaped", "_found", "_held", "_in_string")

    def __init__(self) -> None:
        self._held = b""
        """What was not looked at to its end."""
        self._awaits_end = False
        """It is the beginning of a ``usage`` object."""
        self._found: Usage | None = None
        self._depth = 0
        """Of what was followed, inside of the object that has what was found."""
        self._in_string = self._escaped = False
        """Where what was followed ended."""
        self._closed = False
        """That object has ended."""

    @property
    def usage(self) -> Usage | None:
        """Of the whole answer, once it is complete."""
        if self._found is not None:
            held, self._held = self._held, b""
            self._follow(held)
        return self._found if self._closed else None

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes."""
        if self._awaits_end and b"}" not in chunk and len(self._held) + len(chunk) < MAX_HELD_BYTES:
            self._held += chunk
            return
        data = self._held + chunk if self._held else chunk
        self._awaits_end = False
        followed = at = 0
        while (name := data.find(_NAME, at)) >= 0:
            at = name + len(_NAME)
            if name and data[name - 1] == _BACKSLASH:
                continue  # in a string
            if self._found is not None:
                self._follow(data[followed:name])
                followed = name
            if self._found is not None and (self._depth or self._in_string or self._closed):
                continue
            end = self._read(data, name, at)
            if end < 0:
                self._held = data[name:]
                return
            if end:
                followed = at = end
        # The name may have begun; the byte before it tells whether it stands in a string.
        kept = max(followed, at, len(data) - len(_NAME))
        if self._found is not None:
            self._follow(data[followed:kept])
        self._held = data[kept:]

    def _read(self, data: bytes, name: int, after: int) -> int:
        """Take the usage that is the value of ``name``: where it ends; 0: there is none; -1: more must come first."""
        before = _BEFORE_VALUE.match(data, after)
        assert before is not None
        start = end = before.end()
        may_wait = len(data) - name < MAX_HELD_BYTES
        if start == len(data):
            return -1 if may_wait else 0
        if not before[1] or data[start] != _OPENING:
            return 0
        for _ in range(_MAX_CLOSINGS):
            end = data.find(b"}", end) + 1
            if not end:
                self._awaits_end = may_wait
                return -1 if may_wait else 0
            try:
                usage = read_usage(data[start:end])
            except (msgspec.ValidationError, UnicodeDecodeError):
                return 0
            except msgspec.DecodeError:
                continue
            if usage is not None:
                self._found = usage
                self._depth, self._in_string, self._escaped, self._closed = 0, False, False, False
                return end
            return 0
        return 0

    def _follow(self, text: bytes) -> None:
        """Count the brackets of what stands after the usage that was found."""
        outside = self._outside_of_strings(text)
        if self._closed:
            self._end(outside)
            return
        brackets = outside.translate(_AS_BRACES, _NO_BRACKETS)
        for _ in range(_ROUNDS):
            closing = brackets.count(b"}")
            if closing <= self._depth:
                self._depth += len(brackets) - 2 * closing
                return
            brackets = brackets.replace(b"{}", b"")
        for bracket in _BRACKET.finditer(outside):
            self._depth += 1 if bracket[0] in b"{[" else -1
            if self._depth < 0:
                self._closed = True
                self._end(outside[bracket.end() :])
                return

    def _end(self, rest: bytes) -> None:
        """``rest`` stands after the object that has the usage; where it is something, that is not the answer itself."""
        if rest.strip():
            self._found, self._closed = None, False

    def _outside_of_strings(self, text: bytes) -> bytes:
        if self._escaped and text:
            text, self._escaped = text[1:], False
        if _BACKSLASH in text:
            if (len(text) - len(text.rstrip(b"\\"))) % 2:
                text, self._escaped = text[:-1], True
            text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
        parts = text.split(b'"')
        outside = parts[1::2] if self._in_string else parts[::2]
        self._in_string ^= len(parts) % 2 == 0
        return b"".join(outside)
