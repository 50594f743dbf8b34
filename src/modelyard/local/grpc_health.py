"""gRPC's health check (``grpc.health.v1.Health/Check``) without a gRPC library: one HTTP/2 request of a fixed shape
over plain TCP, as the kubelet makes it.

Nothing is decoded that the question does not need: the answer's message says how the service is, and an answer without
a message is an error of the server, whatever its headers say.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING = 0, 1, 3, 4, 6
_ACK = _END_STREAM = 0x1
_END_HEADERS, _PADDED = 0x4, 0x8
_STREAM = 1
_LARGEST_FRAME = 16384
"""Bytes; what a server may send to a client that has announced nothing else (RFC 9113 section 4.2)."""
_LARGEST_ANSWER = 64 * 1024
_PATH = "/grpc.health.v1.Health/Check"
_STATUSES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
SERVING = "SERVING"


async def health(host: str, port: int, service: str = "") -> str:
    """What the server says of a service (empty: of itself); only ``SERVING`` is healthy. Unbounded in time. Raises
    OSError, and ValueError where the answer is none of a gRPC health service."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(_PREFACE + _frame(_SETTINGS, 0, 0) + _question(f"{host}:{port}", service))
        return _status(await _message(reader, writer), service)
    except asyncio.IncompleteReadError:
        raise ValueError("the server closed the connection instead of answering; is this its gRPC port?") from None
    finally:
        writer.close()


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _question(authority: str, service: str) -> bytes:
    """Headers without compression and without the table that both sides would have to keep (RFC 7541)."""
    fields = {":path": _PATH, ":authority": authority, "content-type": "application/grpc", "te": "trailers"}
    headers = b"\x83\x86" + b"".join(b"\x00" + _text(name) + _text(value) for name, value in fields.items())
    message = b"\x0a" + _varint(len(service.encode())) + service.encode() if service else b""
    body = b"\x00" + struct.pack(">I", len(message)) + message
    return _frame(_HEADERS, _END_HEADERS, _STREAM, headers) + _frame(_DATA, _END_STREAM, _STREAM, body)


def _text(text: str) -> bytes:
    """A string of fewer than 127 bytes; hosts and ports of probes are."""
    return bytes([len(text)]) + text.encode("ascii")


def _varint(number: int) -> bytes:
    written = b""
    while number > 0x7F:
        written += bytes([number & 0x7F | 0x80])
        number >>= 7
    return written + bytes([number])


async def _message(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
    """The answer's message; None: it ended without one."""
    body = b""
    async for kind, flags, stream, payload in _frames(reader):
        if kind in (_SETTINGS, _PING) and not flags & _ACK:
            writer.write(_frame(kind, _ACK, 0, payload if kind == _PING else b""))
        if stream != _STREAM:
            continue
        if kind == _RESET:
            return None
        if kind == _DATA:
            body += payload[1 : len(payload) - payload[0]] if flags & _PADDED else payload
        if len(body) >= 5 and len(body) - 5 >= int.from_bytes(body[1:5], "big"):
            return body[5 : 5 + int.from_bytes(body[1:5], "big")]
        if kind in (_DATA, _HEADERS) and flags & _END_STREAM:
            return None
        if len(body) > _LARGEST_ANSWER:
            break
    raise ValueError("the answer is larger than any health check's")


async def _frames(reader: asyncio.StreamReader) -> AsyncIterator[tuple[int, int, int, bytes]]:
    while True:
        head = await reader.readexactly(9)
        size = int.from_bytes(head[:3], "big")
        if size > _LARGEST_FRAME:
            raise ValueError("the answer is not gRPC")
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        yield kind, flags, stream & 0x7FFFFFFF, await reader.readexactly(size)


def _status(message: bytes | None, service: str) -> str:
    """Field 1 of the message, an enum; left out it is 0."""
    if message is None:
        what = f"does not know service {service!r}" if service else "has no health service"
        raise ValueError(f"the gRPC server {what}")
    if not message:
        return _STATUSES[0]
    if len(message) != 2 or message[0] != 0x08:
        raise ValueError("the answer is none of a gRPC health service")
    return _STATUSES.get(message[1], f"status {message[1]}")
