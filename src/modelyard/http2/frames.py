"""HTTP/2 frames (RFC 9113, sections 4 and 6): cut out of the byte stream, and written."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITY_FLAG = 0x20

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = (
    range(1, 7)
)

NO_ERROR = 0x0
PROTOCOL_ERROR = 0x1
INTERNAL_ERROR = 0x2
FLOW_CONTROL_ERROR = 0x3
STREAM_CLOSED = 0x5
FRAME_SIZE_ERROR = 0x6
REFUSED_STREAM = 0x7
CANCEL = 0x8
COMPRESSION_ERROR = 0x9
ENHANCE_YOUR_CALM = 0xB

DEFAULT_WINDOW = 65535
DEFAULT_FRAME_SIZE = 16384
DEFAULT_TABLE_SIZE = 4096
LARGEST_WINDOW = 2**31 - 1
LARGEST_FRAME_SIZE = 2**24 - 1
LARGEST_STREAM = 2**31 - 1

_HEAD = struct.Struct("!HBBBL")
_LONG = struct.Struct("!L")
_SETTING = struct.Struct("!HL")
HEAD_SIZE = 9
LITTLE = 4096
"""Bytes up to which pieces that must be kept are joined as they come: each costs some sixty bytes of memory beside
what is in it, so a peer that sends single bytes would take many times what its window lets in."""


class ConnectionFault(Exception):
    """The peer broke the protocol: the connection ends with GOAWAY and this error code (RFC 9113, section 5.4.1)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class StreamFault(Exception):
    """The peer broke the protocol on one stream, which is reset with this code (RFC 9113, section 5.4.2)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class FrameCutter:
    """Bytes in as they come, whole frames out.

    A frame that comes in many pieces costs no more than one that comes whole: pieces are joined once.
    """

    __slots__ = ("_kept", "_limit", "_need", "_pieces")

    def __init__(self, limit: int) -> None:
        """``limit``: bytes of the longest payload."""
        self._limit = limit
        self._pieces: list[bytes] = []
        self._kept = 0
        self._need = 0
        """Bytes without which there is nothing to cut."""

    def feed(self, data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
        """(type, flags, stream, payload) of every frame that is complete now. To be used up before the next call.

        Raises ConnectionFault for a frame above the limit (RFC 9113, section 4.2).
        """
        if self._kept:
            keep(self._pieces, data)
            self._kept += len(data)
            if self._kept < self._need:
                return
            data = b"".join(self._pieces)
            self._pieces.clear()
            self._kept = 0
        position, size = 0, len(data)
        self._need = HEAD_SIZE
        while size - position >= HEAD_SIZE:
            high, low, kind, flags, stream = _HEAD.unpack_from(data, position)
            length = (high << 8) | low
            if length > self._limit:
                raise ConnectionFault(FRAME_SIZE_ERROR, f"a frame of {length} bytes; at most {self._limit}")
            start = position + HEAD_SIZE
            end = start + length
            if end > size:
                self._need = end - position
                break
            position = end
            yield kind, flags, stream & 0x7FFFFFFF, data[start:end]
        if position < size:
            self._pieces.append(data[position:] if position else data)
            self._kept = size - position


def keep(pieces: list[bytes] | deque[bytes], data: bytes) -> None:
    """Add ``data``; to the last piece, where both are little."""
    if pieces and len(pieces[-1]) + len(data) <= LITTLE:
        pieces[-1] += data
    else:
        pieces.append(data)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    length = len(payload)
    return _HEAD.pack(length >> 8, length & 0xFF, kind, flags, stream) + payload


def frame_head(kind: int, flags: int, stream: int, length: int) -> bytes:
    """The nine bytes before a payload of ``length`` bytes."""
    return _HEAD.pack(length >> 8, length & 0xFF, kind, flags, stream)


def settings(values: dict[int, int]) -> bytes:
    """A SETTINGS frame."""
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(name, value) for name, value in values.items()))


def read_settings(payload: bytes) -> list[tuple[int, int]]:
    """(identifier, value) of each. Raises ConnectionFault for a length that is no multiple of six (section 6.5)."""
    if len(payload) % _SETTING.size:
        raise ConnectionFault(FRAME_SIZE_ERROR, "SETTINGS of a broken length")
    return list(_SETTING.iter_unpack(payload))


def window_update(stream: int, increment: int) -> bytes:
    """A WINDOW_UPDATE frame."""
    return frame(WINDOW_UPDATE, 0, stream, _LONG.pack(increment))


def read_long(payload: bytes) -> int:
    """A payload of one 32-bit number (WINDOW_UPDATE, RST_STREAM). Raises ConnectionFault for another length."""
    if len(payload) != _LONG.size:
        raise ConnectionFault(FRAME_SIZE_ERROR, "a frame of a broken length")
    number: int = _LONG.unpack(payload)[0]
    return number


def reset(stream: int, code: int) -> bytes:
    """An RST_STREAM frame."""
    return frame(RST_STREAM, 0, stream, _LONG.pack(code))


def go_away(last_stream: int, code: int, message: str = "") -> bytes:
    """A GOAWAY frame."""
    return frame(GOAWAY, 0, 0, _LONG.pack(last_stream) + _LONG.pack(code) + message.encode()[:200])


def unpadded(flags: int, payload: bytes, *, priority: bool = False) -> bytes:
    """A payload without padding, and without the priority fields of HEADERS (RFC 9113, sections 6.1 and 6.2)."""
    start, end = 0, len(payload)
    if flags & PADDED:
        if not payload:
            raise ConnectionFault(FRAME_SIZE_ERROR, "a padded frame without the length of its padding")
        start, end = 1, end - payload[0]
    if priority and flags & PRIORITY_FLAG:
        start += 5
    if start > len(payload):
        raise ConnectionFault(FRAME_SIZE_ERROR, "a frame that is shorter than its fields")
    if start > end:
        raise ConnectionFault(PROTOCOL_ERROR, "padding is longer than its frame")
    return payload[start:end] if (start, end) != (0, len(payload)) else payload
