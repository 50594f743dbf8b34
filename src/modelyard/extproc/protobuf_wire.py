"""The protobuf wire format (protobuf.dev, "Encoding"), as far as a few known messages need it.

Only fields that are used are decoded, straight out of the message's bytes: a body is copied once, a header block that
looks like the last one not at all. Everything else is stepped over.
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, LENGTH, START_GROUP, END_GROUP, FIXED32 = range(6)

_LONGEST_VARINT = 70
"""Bits in the ten bytes of the longest varint."""


class MalformedMessage(ValueError):
    """The bytes are not a protobuf message."""


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at ``at`` and the position after it. Raises MalformedMessage, or IndexError at the data's end."""
    byte = data[at]
    at += 1
    if byte < 0x80:
        return byte, at
    value, shift = byte & 0x7F, 7
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
        if shift >= _LONGEST_VARINT:
            raise MalformedMessage("a number that does not end")


def fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(number, wire type, start, end) of every field between ``start`` and ``end``: of its bytes, or, for a varint, its
    value as ``start``. Raises MalformedMessage."""
    at = start
    try:
        while at < end:
            tag = data[at]
            if tag < 0x80:
                at += 1
            else:
                tag, at = read_varint(data, at)
            kind = tag & 7
            if tag < 8:
                raise MalformedMessage("a field without a number")
            if kind in (LENGTH, VARINT):
                size = data[at]
                if size < 0x80:
                    at += 1
                else:
                    size, at = read_varint(data, at)
                if kind == VARINT:
                    yield tag >> 3, kind, size, at
                    continue
            else:
                size = _size(kind)
            stop = at + size
            if stop > end:
                raise MalformedMessage("a field that is longer than its message")
            yield tag >> 3, kind, at, stop
            at = stop
    except IndexError:
        raise MalformedMessage("a message that ends too early") from None
    if at != end:
        raise MalformedMessage("a number that is longer than its message")


def _size(kind: int) -> int:
    """Bytes of a field of that wire type. Groups are long gone."""
    if kind == FIXED64:
        return 8
    if kind == FIXED32:
        return 4
    raise MalformedMessage(f"a field of the unknown wire type {kind}")


def varint(value: int) -> bytes:
    """``value`` (0 and above) on the wire."""
    return _SMALL[value] if value < _MANY else _varint(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_MANY = 4096
_SMALL = [_varint(value) for value in range(_MANY)]
"""Nearly every length that is written."""
_TAGS = [_varint(number << 3 | LENGTH) for number in range(32)]


def nested(number: int, *parts: bytes | memoryview) -> bytes:
    """A field (number below 32) of bytes, text or a message, whose content is all ``parts`` in order."""
    size = sum(map(len, parts))
    return b"".join((_TAGS[number], varint(size), *parts))


def number_field(number: int, value: int) -> bytes:
    """A field of a number, an enumeration value or a boolean; nothing for 0, the default."""
    return _varint(number << 3 | VARINT) + varint(value) if value else b""
