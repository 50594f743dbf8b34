"""gRPC over HTTP/2, as far as it is no matter of frames: messages in a byte stream, statuses, timeouts.

The rules are those of "gRPC over HTTP2" (PROTOCOL-HTTP2.md of the gRPC project).
"""

from __future__ import annotations

import re
import struct
from collections import deque

from modelyard.http2.frames import keep
from modelyard.http2.header_blocks import constant_block
from modelyard.http2.request_heads import RequestHead

OK = 0
UNKNOWN = 2
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
RESOURCE_EXHAUSTED = 8
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14

PREFIX_SIZE = 5
"""Compressed-Flag and Message-Length."""
_PREFIX = struct.Struct("!BL")

RESPONSE_HEAD = constant_block([(":status", "200"), ("content-type", "application/grpc")])
"""Block before the first message of an answer."""
OK_TRAILERS = constant_block([("grpc-status", "0")])

_CONTENT_TYPE = re.compile(r"application/grpc(\+proto)?[ \t]*(;.*)?", re.IGNORECASE)
_TIMEOUT = re.compile(r"([0-9]{1,8})([HMSmun])")
_SECONDS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_NOT_PLAIN = re.compile(rb"[^\x20-\x24\x26-\x7e]")
_LONGEST_MESSAGE = 1024
"""Characters of a status message that are sent."""


class GrpcFault(Exception):
    """A call that cannot go on: it ends with this status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class MessageReader:
    """Bytes in as they come, whole messages out. What is kept is what came; it is joined once."""

    __slots__ = ("_length", "_limit", "_offset", "_pieces", "kept")

    def __init__(self, limit: int) -> None:
        """``limit``: bytes of the longest message."""
        self._limit = limit
        self._length = -1
        """Of the message whose prefix was read."""
        self._pieces: deque[bytes] = deque()
        self._offset = 0
        """Bytes of the first piece that are used."""
        self.kept = 0
        """Bytes that came and are no part of a message that was given out."""

    def feed(self, data: bytes) -> None:
        if data:
            keep(self._pieces, data)
            self.kept += len(data)

    def next(self) -> bytes | None:
        """The next whole message. Raises GrpcFault: compressed, too long, or no message at all."""
        if self._length < 0:
            if self.kept < PREFIX_SIZE:
                return None
            flag, length = _PREFIX.unpack(self._cut(PREFIX_SIZE))
            check_prefix(flag, length, self._limit)
            self._length = length
        if self.kept < self._length:
            return None
        message = self._cut(self._length)
        self._length = -1
        return message

    @property
    def awaited(self) -> int:
        """Length of the message whose end has not come; 0: none has begun."""
        return max(self._length, 0)

    @property
    def partial(self) -> bool:
        """A message began whose end has not come."""
        return self.kept > 0 or self._length >= 0

    def _cut(self, size: int) -> bytes:
        """The next ``size`` bytes, which are there."""
        self.kept -= size
        cut: list[bytes] = []
        while size:
            piece = self._pieces[0]
            end = self._offset + size
            if end < len(piece):
                cut.append(piece[self._offset : end])
                self._offset = end
                break
            size -= len(piece) - self._offset
            cut.append(piece[self._offset :] if self._offset else piece)
            self._offset = 0
            self._pieces.popleft()
        return cut[0] if len(cut) == 1 else b"".join(cut)


def only_message(data: bytes, limit: int) -> bytes | None:
    """The message that ``data`` is, prefix and all; None where it is less, more, or not a plain one."""
    size = len(data) - PREFIX_SIZE
    if size >= 0 and data[0] == 0 and size <= limit and int.from_bytes(data[1:PREFIX_SIZE], "big") == size:
        return data[PREFIX_SIZE:]
    return None


def check_prefix(flag: int, length: int, limit: int) -> None:
    """Raises GrpcFault for a message that is not taken."""
    if flag == 1:
        raise GrpcFault(UNIMPLEMENTED, "messages must not be compressed: this server takes grpc-encoding identity only")
    if flag != 0:
        raise GrpcFault(INTERNAL, f"a message begins with {flag}, which is no compressed-flag")
    if length > limit:
        raise GrpcFault(RESOURCE_EXHAUSTED, f"a message of {length} bytes; at most {limit} are taken")


def prefix(size: int) -> bytes:
    """What stands before an uncompressed message of ``size`` bytes."""
    return _PREFIX.pack(0, size)


def is_grpc(head: RequestHead) -> bool:
    """The content type is gRPC's with Protocol Buffers. gRPC-Web and other codings begin alike."""
    return _CONTENT_TYPE.fullmatch(head.by_name.get("content-type", "")) is not None


def timeout_seconds(head: RequestHead) -> float | None:
    """The call's ``grpc-timeout``; None: it has none. Raises GrpcFault where it cannot be read."""
    text = head.by_name.get("grpc-timeout")
    if text is None:
        return None
    found = _TIMEOUT.fullmatch(text)
    if found is None:
        raise GrpcFault(INTERNAL, f"grpc-timeout {text[:20]!r} is not understood")
    return int(found[1]) * _SECONDS[found[2]]


def status_trailers(status: int, message: str = "") -> bytes:
    """The block that ends an answer that began."""
    if status == OK and not message:
        return OK_TRAILERS
    return constant_block(_status_fields(status, message))


def status_only(status: int, message: str = "") -> bytes:
    """The one block of an answer without messages (``Trailers-Only``)."""
    return RESPONSE_HEAD + status_trailers(status, message)


NOT_GRPC = constant_block([(":status", "415"), ("grpc-status", str(UNKNOWN)), ("grpc-message", "not gRPC")])
"""Answer to another content type: whoever sent it may not know gRPC's statuses."""
NOT_POST = constant_block([(":status", "405"), ("allow", "POST")])


def _status_fields(status: int, message: str) -> list[tuple[str, str]]:
    fields = [("grpc-status", str(status))]
    if status == UNIMPLEMENTED:
        fields.append(("grpc-accept-encoding", "identity"))
    if message:
        fields.append(("grpc-message", percent_coded(message[:_LONGEST_MESSAGE])))
    return fields


def percent_coded(text: str) -> str:
    """A ``grpc-message``: what is not printable ASCII, and ``%``, as ``%XX`` of its UTF-8 bytes."""
    coded = _NOT_PLAIN.sub(lambda found: b"%%%02X" % found[0][0], text.encode("utf-8", "replace"))
    return coded.decode("ascii")
