"""Where a JSON object ends, in bytes that go on after it and come in pieces."""

from __future__ import annotations

import re

_OPENING, _CLOSING, _OPEN_STRING = 1, 2, 3
_TOKEN = re.compile(rb'([{\[])|([}\]])|"(?:[^"\\]++|\\.)*+(?:"|(\\?)\Z)', re.DOTALL)
"""A bracket, a string, or the beginning of a string that goes on in the next piece: by its group."""
_REST_OF_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+(?:"|(\\?)\Z)', re.DOTALL)


class ObjectEnd:
    """Counts the brackets outside of strings; each byte is looked at once. Whether the text is JSON otherwise is the
    decoder's to say."""

    __slots__ = ("_depth", "_escaped", "_in_string")

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = self._escaped = False
        """Where the last piece ended."""

    def find(self, text: bytes, start: int, stop: int) -> int:
        """Where the object ends in the next piece, which is ``text[start:stop]``; 0: after it."""
        if self._in_string:
            start = self._leave_string(text, start, stop)
        for token in _TOKEN.finditer(text, start, stop):
            kind = token.lastindex
            if kind == _OPENING:
                self._depth += 1
            elif kind == _CLOSING:
                self._depth -= 1
                if not self._depth:
                    return token.end()
            elif kind == _OPEN_STRING:
                self._in_string, self._escaped = True, bool(token[_OPEN_STRING])
        return 0

    def _leave_string(self, text: bytes, start: int, stop: int) -> int:
        """Where the string ends that the last piece ended in."""
        if self._escaped and start < stop:
            start, self._escaped = start + 1, False
        rest = _REST_OF_STRING.match(text, start, stop)
        assert rest is not None
        self._in_string = rest[1] is not None
        self._escaped = self._escaped or bool(rest[1])
        return rest.end()
