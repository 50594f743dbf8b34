"""The chunked transfer coding, both ways (RFC 9112 section 7.1), strictly.

Sizes are plain hexadecimal, lines end with CRLF, extensions are bounded and dropped, trailers are bounded and
kept apart from the header fields. ``ChunkedDecoder.feed`` takes bytes as they come from the socket and gives
back payload.
"""

from __future__ import annotations

import re
from typing import Final

from modelyard.http1.header_fields import MalformedField, parse_field
from modelyard.http1.message_heads import Headers

LAST_CHUNK: Final = b"0\r\n\r\n"

MAX_SIZE_LINE = 256
"""Longest chunk-size line with its extension, in bytes."""
MAX_EXTENSIONS = 4096
"""Most bytes of chunk extensions in one message: they are overhead that no endpoint of ours reads."""
MAX_TRAILERS = 8192
"""Longest trailer section in bytes."""

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})([ \t]*;[\t\x20-\x7e\x80-\xff]*)?")
_REMEMBERED_SIZES = 8192
_remembered_sizes: dict[bytes, int] = {}

_SIZE, _DATA, _DATA_END, _TRAILERS, _DONE = range(5)


class MalformedChunk(ValueError):
    """The body's chunked coding is broken: where the message ends is unknown, so the connection must end."""


def encode_chunk(payload: bytes) -> bytes:
    """One chunk; nothing for an empty payload, which would end the body."""
    return b"%x\r\n%b\r\n" % (len(payload), payload) if payload else b""


def encode_end(trailers: Headers) -> bytes:
    """The last chunk with trailer fields that ``ChunkedDecoder`` has checked."""
    if not trailers:
        return LAST_CHUNK
    lines = "".join([f"{name}: {value}\r\n" for name, value in trailers])
    return b"0\r\n" + lines.encode("latin-1") + b"\r\n"


class ChunkedDecoder:
    """Takes a chunked body apart as it arrives."""

    __slots__ = (
        "_carry",
        "_extensions",
        "_left",
        "_state",
        "_trailer_bytes",
        "aligned",
        "done",
        "rest",
        "trailers",
    )

    def __init__(self) -> None:
        self._state = _SIZE
        self._left = 0
        self._carry = b""
        self._extensions = 0
        self._trailer_bytes = 0
        self.aligned = False
        """The bytes fed last were whole data chunks without extensions: they may be passed on as they are."""
        self.done = False
        self.rest = b""
        """What followed the body's end in the bytes fed last."""
        self.trailers: Headers = []

    def feed(self, data: bytes) -> bytes:
        """Payload of the next bytes of the body. Raises ``MalformedChunk``."""
        if self._state == _SIZE and not self._carry:
            line_end = data.find(b"\r\n", 0, 18)
            size = _remembered_sizes.get(data[:line_end])
            if size:
                start = line_end + 2
                end = start + size
                if len(data) == end + 2 and data.endswith(b"\r\n"):
                    self.aligned = True
                    return data[start:end]
        return self._feed(data)

    def _feed(self, data: bytes) -> bytes:
        aligned = self._state == _SIZE and not self._carry
        extensions = self._extensions
        if self._carry:
            data = self._carry + data
            self._carry = b""
        payload: list[bytes] = []
        at = 0
        while at < len(data) and self._state != _DONE:
            step = self._take(data, at, payload)
            if step < 0:
                self._carry = data[at:]
                break
            at = step
        else:
            self.rest = data[at:]
        whole = self._state == _SIZE and not self._carry
        self.aligned = aligned and whole and extensions == self._extensions
        return payload[0] if len(payload) == 1 else b"".join(payload)

    def _take(self, data: bytes, at: int, payload: list[bytes]) -> int:
        """Read one element at ``at``; the position behind it, or -1 where more bytes are needed."""
        if self._state == _DATA:
            part = data[at : at + self._left]
            payload.append(part)
            self._left -= len(part)
            if not self._left:
                self._state = _DATA_END
            return at + len(part)
        if self._state == _DATA_END:
            return self._take_data_end(data, at)
        if self._state == _SIZE:
            return self._take_size(data, at)
        return self._take_trailer(data, at)

    def _take_data_end(self, data: bytes, at: int) -> int:
        ending = data[at : at + 2]
        if ending == b"\r\n":
            self._state = _SIZE
            return at + 2
        if ending == b"\r":
            return -1
        raise MalformedChunk("A chunk is longer than its size says.")

    def _take_size(self, data: bytes, at: int) -> int:
        line_end = _line_end(data, at, MAX_SIZE_LINE, "A chunk-size line is too long.")
        if line_end < 0:
            return -1
        line = data[at:line_end]
        size = _remembered_sizes.get(line)
        if size is None:
            size = self._parse_size(line)
        self._left = size
        self._state = _DATA if size else _TRAILERS
        return line_end + 2

    def _parse_size(self, line: bytes) -> int:
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise MalformedChunk("A chunk size is not a plain hexadecimal number.")
        size = int(match[1], 16)
        if match[2]:
            self._extensions += len(match[2])
            if self._extensions > MAX_EXTENSIONS:
                raise MalformedChunk("The body has too many chunk extensions.")
        elif len(line) <= 8:
            if len(_remembered_sizes) >= _REMEMBERED_SIZES:
                _remembered_sizes.clear()
            _remembered_sizes[line] = size
        return size

    def _take_trailer(self, data: bytes, at: int) -> int:
        room = MAX_TRAILERS - self._trailer_bytes
        line_end = _line_end(data, at, room, "The trailer section is too long.")
        if line_end < 0:
            return -1
        if line_end == at:
            self._state = _DONE
            self.done = True
        else:
            self._trailer_bytes += line_end + 2 - at
            try:
                self.trailers.append(parse_field(data[at:line_end].decode("latin-1")))
            except MalformedField as fault:
                raise MalformedChunk(f"Trailer section: {fault}") from None
        return line_end + 2


def _line_end(data: bytes, at: int, limit: int, too_long: str) -> int:
    """Position of the CRLF that ends the line at ``at``; -1: not here yet."""
    line_end = data.find(b"\r\n", at, at + limit + 2)
    end = line_end if line_end >= 0 else len(data)
    if line_end < 0 and end - at > limit:
        raise MalformedChunk(too_long)
    stray = data.find(b"\n", at, end)
    if stray >= 0:
        raise MalformedChunk("A line of the chunked coding ends without CR.")
    carriage_return = data.find(b"\r", at, end)
    if carriage_return >= 0 and carriage_return != len(data) - 1:
        raise MalformedChunk("A line of the chunked coding has a CR without LF.")
    return line_end
