"""HPACK (RFC 7541): header blocks of requests read, those of answers written.

A proxy that calls one service sends nearly the same headers on every stream; once the table of the connection holds
them, equal headers are equal bytes. Blocks that change no table are therefore remembered, which makes reading one a
lookup.
"""

from __future__ import annotations

import hpack

from modelyard.http2.frames import COMPRESSION_ERROR, ENHANCE_YOUR_CALM, ConnectionError2

HeaderList = list[tuple[str, str]]
_REMEMBERED = 64


class HeaderBlockReader:
    """One connection's decoder."""

    __slots__ = ("_decoder", "_remembered")

    def __init__(self, limit: int) -> None:
        """``limit``: bytes of one decoded header list, counted as RFC 9113 section 6.5.2 says."""
        self._decoder = hpack.Decoder(max_header_list_size=limit)
        self._remembered: dict[bytes, HeaderList] = {}

    def read(self, block: bytes) -> HeaderList:
        """Names and values. Raises ConnectionError2: a broken block leaves the table unknown."""
        known = self._remembered.get(block)
        if known is not None:
            return known
        try:
            headers: HeaderList = [(str(name), str(value)) for name, value in self._decoder.decode(block)]
        except hpack.OversizedHeaderListError as error:
            raise ConnectionError2(ENHANCE_YOUR_CALM, "the header list is too large") from error
        except (hpack.HPACKError, UnicodeDecodeError) as error:
            raise ConnectionError2(COMPRESSION_ERROR, "the header block cannot be read") from error
        if _changes_table(block):
            self._remembered.clear()
        elif len(self._remembered) < _REMEMBERED:
            self._remembered[block] = headers
        return headers


def _changes_table(block: bytes) -> bool:
    """False only where every field is indexed in one byte: all of them have the highest bit, and none is the prefix
    (0xFF) of a longer index."""
    return any(byte < 0x80 or byte == 0xFF for byte in block)


def constant_block(headers: HeaderList) -> bytes:
    """A block that means the same on every connection: the static table and plain literals, never the dynamic table
    (RFC 7541, section 6.2.2)."""
    return b"".join(_STATIC.get(pair) or _literal(*pair) for pair in headers)


_STATIC = {
    (":status", "200"): b"\x88",
    (":status", "204"): b"\x89",
    (":status", "400"): b"\x8c",
    (":status", "404"): b"\x8d",
    (":status", "500"): b"\x8e",
}


def _literal(name: str, value: str) -> bytes:
    return b"\x00" + _text(name) + _text(value)


def _text(text: str) -> bytes:
    """A string without Huffman coding, its length first (RFC 7541, sections 5.1 and 5.2)."""
    data = text.encode("latin-1", "replace")
    length = len(data)
    if length < 0x7F:
        return bytes((length,)) + data
    length -= 0x7F
    head = bytearray((0x7F,))
    while length >= 0x80:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + data
