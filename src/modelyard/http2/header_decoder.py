"""HPACK decoding (RFC 7541): bytes of a header block -> names and values, through the connection's dynamic table.

Section numbers are RFC 7541's. The static table and the Huffman code are the hpack library's; the loop is our own
because a block with one new field, such as a trace's identifier, cost the library more than all the rest of a call.
"""

from __future__ import annotations

from collections import deque

from hpack.exceptions import HPACKError
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

from modelyard.http2.frames import COMPRESSION_ERROR, DEFAULT_TABLE_SIZE, ENHANCE_YOUR_CALM, ConnectionFault

Field = tuple[str, str]

_STATIC: list[Field] = [("", "")]  # the first index is 1
_STATIC += [(str(name, "latin-1"), str(value, "latin-1")) for name, value in HeaderTable.STATIC_TABLE]
_DYNAMIC = len(_STATIC)
"""Index of the newest entry of the dynamic table (section 2.3.3)."""
_ENTRY_OVERHEAD = 32
"""Bytes that an entry counts beyond its name and value, in the table (section 4.1) as in a header list."""
_LONGEST_NUMBER = 5
"""Bytes after the first of an integer: more than 32 bits mean nothing here (section 5.1)."""


class HeaderDecoder:
    """One connection's table for reading."""

    __slots__ = ("_dynamic", "_limit", "_room", "_size", "changes")

    def __init__(self, limit: int) -> None:
        """``limit``: bytes of one decoded list, counted as RFC 9113 section 6.5.2 says."""
        self._limit = limit
        self._dynamic: deque[Field] = deque()
        """Newest first."""
        self._size = 0
        self._room = DEFAULT_TABLE_SIZE
        self.changes = 0
        """Times that the table changed: blocks before and after mean different things."""

    def decode(self, block: bytes) -> list[Field]:
        """Fields in order. Raises ConnectionFault; the table is then unknown and the connection must end."""
        try:
            return self._fields(block)
        except IndexError:
            raise _broken("it ends too early") from None
        except HPACKError:
            raise _broken("a text is not of the Huffman code") from None

    def _fields(self, block: bytes) -> list[Field]:
        fields: list[Field] = []
        at, end, left = 0, len(block), self._limit
        while at < end:
            first = block[at]
            at += 1
            if first & 0x80:  # indexed (section 6.1)
                index = first & 0x7F
                if index == 0x7F:
                    index, at = _number(block, at, index)
                field = self._entry(index)
            elif first & 0xE0 == 0x20:
                if fields:
                    raise _broken("the table's size changes in its middle")
                at = self._resize(block, at, first)
                continue
            else:
                field, at = self._literal(block, at, first)
            left -= len(field[0]) + len(field[1]) + _ENTRY_OVERHEAD
            if left < 0:
                raise ConnectionFault(ENHANCE_YOUR_CALM, "the header list is too large")
            fields.append(field)
        return fields

    def _entry(self, index: int) -> Field:
        if index >= _DYNAMIC:
            return self._dynamic[index - _DYNAMIC]
        if not index:
            raise _broken("index 0")
        return _STATIC[index]

    def _literal(self, block: bytes, at: int, first: int) -> tuple[Field, int]:
        """With indexing (section 6.2.1), or without (6.2.2 and 6.2.3, which differ for proxies only)."""
        most = 0x3F if first & 0x40 else 0x0F
        index = first & most
        if index == most:
            index, at = _number(block, at, most)
        if index:
            name = self._entry(index)[0]
        else:
            name, at = _text(block, at)
        value, at = _text(block, at)
        field = (name, value)
        if first & 0x40:
            self._add(field)
        return field, at

    def _add(self, field: Field) -> None:
        """Section 4.4: what does not fit empties the table."""
        self.changes += 1
        size = len(field[0]) + len(field[1]) + _ENTRY_OVERHEAD
        self._evict(self._room - size)
        if size <= self._room:
            self._dynamic.appendleft(field)
            self._size += size

    def _resize(self, block: bytes, at: int, first: int) -> int:
        """Section 6.3."""
        room = first & 0x1F
        if room == 0x1F:
            room, at = _number(block, at, room)
        if room > DEFAULT_TABLE_SIZE:
            raise _broken("the table grows above the limit")
        self.changes += 1
        self._room = room
        self._evict(room)
        return at

    def _evict(self, size: int) -> None:
        """Drop the oldest entries until there are ``size`` bytes at most."""
        while self._dynamic and self._size > size:
            name, value = self._dynamic.pop()
            self._size -= len(name) + len(value) + _ENTRY_OVERHEAD


def _number(block: bytes, at: int, most: int) -> tuple[int, int]:
    """An integer whose first byte had ``most``, and where it ends (section 5.1)."""
    number = most
    for shift in range(0, 7 * _LONGEST_NUMBER, 7):
        byte = block[at]
        at += 1
        number += (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise _broken("a number is too long")


def _text(block: bytes, at: int) -> tuple[str, int]:
    """A string, and where it ends (section 5.2). Latin-1: byte for byte."""
    first = block[at]
    at += 1
    length = first & 0x7F
    if length == 0x7F:
        length, at = _number(block, at, length)
    end = at + length
    if end > len(block):
        raise _broken("a text is longer than the block")
    data = block[at:end]
    return str(decode_huffman(data) if first & 0x80 else data, "latin-1"), end


def _broken(message: str) -> ConnectionFault:
    return ConnectionFault(COMPRESSION_ERROR, f"the header block cannot be read: {message}")
