"""The token usage of a JSON answer of any length: found as the answer passes, in one pass and with bounded memory.

Engines write more after it than fits anywhere (the log probabilities of a prompt). Until a ``usage`` object is met,
chunks are searched for the name only, which cannot stand in a string: its quotes would be escaped there. Its end is
found by its brackets, then it is decoded: once, and what stands inside of it is not looked at again, so that no answer
costs more than its length. From then on brackets are counted, to tell the answer's own usage from one that stands
deeper: the object that it is a member of is the one that ends with the answer.
"""

from __future__ import annotations

import re
from array import array
from itertools import accumulate

from modelyard.bodies.facts import Usage
from modelyard.bodies.json_end import ObjectEnd
from modelyard.bodies.usage import read_usage

MAX_HELD_BYTES = 4 * 1024
"""Longest ``usage`` object that is read, in one chunk or across chunks."""

_NAME = b'"usage"'
_BEFORE_VALUE = re.compile(rb"\s*+(:?+)\s*+")
_BACKSLASH, _OPENING = b"\\{"
_CLOSINGS = (b"}", b"]")
_STEPS = bytes.maketrans(b"{[}]", b"\x01\x01\xff\xff")
"""Of the depth, at each bracket: signed bytes."""
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"{}[]")


class UsageScanner:
    """Feed it the answer, in any pieces; then ``usage``."""

    __slots__ = ("_closed", "_depth", "_escaped", "_found", "_held", "_in_string", "_object")

    def __init__(self) -> None:
        self._held = b""
        """What was not looked at to its end."""
        self._object: ObjectEnd | None = None
        """What is held is the beginning of a ``usage`` object, whose end is awaited."""
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
        held, self._held, self._object = self._held, b"", None
        if self._found is not None:
            self._follow(held)
        return self._found if self._closed else None

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes."""
        data, at = chunk, 0
        if self._object is not None:
            at = self._read(data, 0)
        elif self._held:
            data = self._held + chunk
        followed = at
        while at >= 0 and (name := data.find(_NAME, at)) >= 0:
            at = name + len(_NAME)
            before = _BEFORE_VALUE.match(data, at)
            assert before is not None
            start = before.end()
            if name and data[name - 1] == _BACKSLASH:
                continue  # in a string
            if start < len(data) and not (before[1] and data[start] == _OPENING):
                continue
            if self._found is not None:
                self._follow(data[followed:name])
                followed = name
            if self._found is not None and (self._depth or self._in_string or self._closed):
                continue
            if start == len(data):
                self._held = _NAME + before[1]
                return
            self._held, self._object = b"", ObjectEnd()
            followed = at = self._read(data, start)
        if at >= 0:
            self._hold_name(data, followed, at)

    def _hold_name(self, data: bytes, followed: int, at: int) -> None:
        """The name may have begun; the byte before it tells whether it stands in a string."""
        kept = max(followed, at, len(data) - len(_NAME))
        if self._found is not None:
            self._follow(data[followed:kept])
        self._held = data[kept:]

    def _read(self, data: bytes, start: int) -> int:
        """Take the object that ``data[start:]`` continues: where to go on; -1: more must come first. One that is
        too long is given up."""
        assert self._object is not None
        stop = min(len(data), start + MAX_HELD_BYTES - len(self._held))
        end = self._object.find(data, start, stop)
        text = self._held + data[start : end or stop]
        if not end and len(text) < MAX_HELD_BYTES:
            self._held = text
            return -1
        self._held, self._object = b"", None
        usage = read_usage(text) if end else None
        if usage is not None:
            self._found = usage
            self._depth, self._in_string, self._escaped, self._closed = 0, False, False, False
        elif not end and self._found is not None:
            self._follow(text)
        return end or stop

    def _follow(self, text: bytes) -> None:
        """Count the brackets of what stands after the usage that was found."""
        outside = self._outside_of_strings(text)
        if self._closed:
            self._end(outside)
            return
        steps = outside.translate(_STEPS, _NO_BRACKETS)
        closing = steps.count(b"\xff")
        if closing <= self._depth or self._depth + _lowest(steps) >= 0:
            self._depth += len(steps) - 2 * closing
        elif outside.rstrip().endswith(_CLOSINGS) and self._depth + _lowest(steps[:-1]) >= 0:
            self._closed = True
        else:
            self._found = None

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


def _lowest(steps: bytes) -> int:
    """Where the depth is least, from 0 at the beginning."""
    return min(accumulate(array("b", steps), initial=0))
