"""HPACK (RFC 7541): header blocks of requests read, those of answers written.

A proxy that calls one service sends nearly the same headers on every stream; once the table of the connection holds
them, equal headers are equal bytes. So blocks that change no table are remembered with what they mean, until one comes
that does, and reading one is a lookup.
"""

from __future__ import annotations

from modelyard.http2.header_decoder import HeaderDecoder
from modelyard.http2.request_heads import FieldList, RequestHead, checked_trailers, request_head

_REMEMBERED = 64
"""Blocks remembered of a connection. A proxy has a few: one for each method that it calls."""
_LONGEST_REMEMBERED = 1024
"""Bytes of the longest block that is remembered; blocks with everything in the table have some ten bytes."""
_MOST_REMEMBERED_FIELDS = 32
"""Fields of a head that is remembered, no name twice: one byte of a block may stand for all that the table holds, and
repeated ones are joined."""


class HeaderBlockReader:
    """One connection's requests and trailers, read. A fault of a block ends the connection: its table is unknown from
    there on (RFC 7541, section 2.2; RFC 9113, section 4.3)."""

    __slots__ = ("_decoder", "_remembered", "_remembered_at")

    def __init__(self, limit: int) -> None:
        """``limit``: bytes of one decoded header list, counted as RFC 9113 section 6.5.2 says."""
        self._decoder = HeaderDecoder(limit)
        self._remembered: dict[bytes, RequestHead] = {}
        self._remembered_at = 0
        """The table's changes when the remembered blocks were read."""

    def request(self, block: bytes) -> RequestHead:
        """A request's head. Raises ConnectionFault, and StreamFault where the list is read but malformed."""
        known = self._remembered.get(block)
        if known is not None and self._remembered_at == self._decoder.changes:
            return known
        before = self._decoder.changes
        head = request_head(self._decoder.decode(block))
        if before == self._decoder.changes and len(block) <= _LONGEST_REMEMBERED and _is_small(head):
            if self._remembered_at != before or len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            self._remembered[block] = head
            self._remembered_at = before
        return head

    def trailers(self, block: bytes) -> FieldList:
        """The fields after a body. Raises as ``request`` does."""
        return checked_trailers(self._decoder.decode(block))

    def skip(self, block: bytes) -> None:
        """Keep the table in step with a block that means nothing here. Raises ConnectionFault."""
        self._decoder.decode(block)


def _is_small(head: RequestHead) -> bool:
    return len(head.by_name) == len(head.fields) <= _MOST_REMEMBERED_FIELDS


def constant_block(fields: FieldList) -> bytes:
    """A block that means the same on every connection: the static table and plain literals, never the dynamic table
    (RFC 7541, section 6.2.2)."""
    return b"".join(_STATIC.get(field) or _literal(*field) for field in fields)


EMPTY_TABLE = b"\x20"
"""What may stand before such a block: the table has no room from here on (RFC 7541, section 6.3)."""

_STATIC = {
    (":status", "200"): b"\x88",
    (":status", "204"): b"\x89",
    (":status", "400"): b"\x8c",
    (":status", "404"): b"\x8d",
    (":status", "500"): b"\x8e",
}
_STATIC_NAMES = {":status": 8, "content-type": 31}


def _literal(name: str, value: str) -> bytes:
    """A literal without indexing (RFC 7541, section 6.2.2), its name from the static table where it is there."""
    index = _STATIC_NAMES.get(name)
    if index is None:
        return b"\x00" + _text(name) + _text(value)
    return _number(index, 4) + _text(value)


def _text(text: str) -> bytes:
    """A string without Huffman coding, its length first (RFC 7541, section 5.2)."""
    data = text.encode("latin-1", "replace")
    return _number(len(data), 7) + data


def _number(number: int, bits: int) -> bytes:
    """An integer whose first byte has ``bits`` for it (RFC 7541, section 5.1)."""
    most = (1 << bits) - 1
    if number < most:
        return bytes((number,))
    coded = bytearray((most,))
    number -= most
    while number >= 0x80:
        coded.append(number & 0x7F | 0x80)
        number >>= 7
    coded.append(number)
    return bytes(coded)
