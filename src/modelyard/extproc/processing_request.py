"""``envoy.service.ext_proc.v3.ProcessingRequest``, as far as it is used: what a proxy says of one HTTP request."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from modelyard.extproc.protobuf_struct import Plain, map_entry, read_struct
from modelyard.extproc.protobuf_wire import LENGTH, VARINT, MalformedMessage, fields, read_varint

REQUEST_HEADERS, RESPONSE_HEADERS, REQUEST_BODY, RESPONSE_BODY, REQUEST_TRAILERS, RESPONSE_TRAILERS = range(2, 8)
_METADATA, _OBSERVABILITY, _PROTOCOL = 8, 10, 11

NONE, STREAMED, BUFFERED, BUFFERED_PARTIAL, FULL_DUPLEX_STREAMED = range(5)
"""``ProcessingMode.BodySendMode``."""

FieldLine = tuple[str, str]


class OutOfOrder(ValueError):
    """A message that cannot follow those before it."""


class BodyModes(msgspec.Struct, frozen=True):
    """``ProtocolConfiguration``: how this proxy sends bodies. In the first message of a stream, where at all."""

    request: int = NONE
    response: int = NONE
    unprompted: bool = False
    """The request's body comes without waiting for the answer to its headers."""


class ProcessingRequest(msgspec.Struct):
    """One message. ``phase`` 0: it has none of the six."""

    phase: int = 0
    fields: list[FieldLine] = []
    """Header lines: names as sent (lower case in HTTP/2), values as latin-1, pseudo header fields among them."""
    body: bytes = b""
    end_of_stream: bool = False
    metadata: bytes = b""
    """``metadata_context``, to be read with ``metadata_of``."""
    modes: BodyModes | None = None
    observability: bool = False
    """The proxy only shows what it does and waits for no answer."""


_REMEMBERED_NAMES = frozenset(
    {
        ":method", ":scheme", ":authority", ":path", ":status", "accept", "accept-encoding", "accept-language",
        "content-type", "server", "user-agent", "x-forwarded-proto", "x-stainless-arch", "x-stainless-async",
        "x-stainless-lang", "x-stainless-os", "x-stainless-package-version", "x-stainless-raw-response",
        "x-stainless-read-timeout", "x-stainless-retry-count", "x-stainless-runtime", "x-stainless-runtime-version",
        "x-stainless-timeout", "x-envoy-expected-rq-timeout-ms",
    }
)  # fmt: skip
"""Lines of these are mostly the same in every request; others are secrets, or differ each time."""
_REMEMBERED_LINES = 2048
_REMEMBERED_LENGTH = 256
_lines: dict[bytes, FieldLine] = {}


def read_request(data: bytes) -> ProcessingRequest:
    """Raises MalformedMessage."""
    message = ProcessingRequest()
    for number, kind, at, stop in fields(data, _plain_body(message, data), len(data)):
        if kind == LENGTH:
            if number in (REQUEST_BODY, RESPONSE_BODY):
                message.phase = number
                _read_body(message, data, at, stop)
            elif number in (REQUEST_HEADERS, RESPONSE_HEADERS):
                message.phase = number
                _read_headers(message, data, at, stop)
            elif number in (REQUEST_TRAILERS, RESPONSE_TRAILERS):
                message.phase = number
            elif number == _METADATA:
                message.metadata = data[at:stop]
            elif number == _PROTOCOL:
                message.modes = _read_modes(data, at, stop)
        elif number == _OBSERVABILITY and kind == VARINT:
            message.observability = at != 0
    return message


def _plain_body(message: ProcessingRequest, data: bytes) -> int:
    """Read a body at the beginning of ``data``, written as proxies write it, and say where it ends; 0: read it anew."""
    try:
        phase = _BODIES.get(data[0])
        if phase is None:
            return 0
        size, at = read_varint(data, 1)
        end = at + size
        if size == 0 or end > len(data) or data[at] != _INNER_BODY:
            return 0
        length, at = read_varint(data, at + 1)
    except IndexError:
        return 0
    rest = end - at - length
    if rest and (rest != len(_INNER_END) or not data.startswith(_INNER_END, at + length)):
        return 0
    message.phase = phase
    message.body = data[at : at + length]
    message.end_of_stream = rest != 0
    return end


_BODIES = {REQUEST_BODY << 3 | LENGTH: REQUEST_BODY, RESPONSE_BODY << 3 | LENGTH: RESPONSE_BODY}
_INNER_BODY, _INNER_END = 1 << 3 | LENGTH, b"\x10\x01"


def _read_body(message: ProcessingRequest, data: bytes, start: int, end: int) -> None:
    message.body, message.end_of_stream = b"", False
    for number, kind, at, stop in fields(data, start, end):
        if number == 1 and kind == LENGTH:
            message.body = data[at:stop]
        elif number in (2, 3) and kind == VARINT:
            message.end_of_stream = message.end_of_stream or at != 0


def _read_headers(message: ProcessingRequest, data: bytes, start: int, end: int) -> None:
    message.fields, message.end_of_stream = [], False
    for number, kind, at, stop in fields(data, start, end):
        if number == 1 and kind == LENGTH:
            message.fields += _header_lines(data, at, stop)
        elif number == 3 and kind == VARINT:
            message.end_of_stream = at != 0


def _header_lines(data: bytes, at: int, end: int) -> list[FieldLine]:
    """The lines of a HeaderMap."""
    lines: list[FieldLine] = []
    try:
        while at < end:
            if data[at] != _LINE:
                return lines + [
                    _header_line(data[a:b]) for n, kind, a, b in fields(data, at, end) if n == 1 and kind == 2
                ]
            size = data[at + 1]
            at += 2
            if size >= 0x80:
                size, at = read_varint(data, at - 1)
            stop = at + size
            raw = data[at:stop]
            lines.append(_lines.get(raw) or _header_line(raw))
            at = stop
    except IndexError:
        raise MalformedMessage("a header map that ends too early") from None
    if at != end:
        raise MalformedMessage("a header line that is longer than its map")
    return lines


_LINE = 1 << 3 | LENGTH


def _header_line(raw: bytes) -> FieldLine:
    """A HeaderValue. Proxies send ``raw_value``; ``value`` is the older form."""
    size = len(raw)
    split = raw[1] + 2 if size > 4 and raw[0] == _LINE and raw[1] < 0x80 else size
    if split + 2 < size and raw[split] in _VALUES and raw[split + 1] == size - split - 2 < 0x80:
        name, value = raw[2:split], raw[split + 2 :]
    else:
        name, value = _name_and_value(raw)
    line = (name.decode("latin-1").lower(), value.decode("latin-1"))
    if line[0] in _REMEMBERED_NAMES and len(raw) <= _REMEMBERED_LENGTH and "?" not in line[1]:
        if len(_lines) >= _REMEMBERED_LINES:
            _lines.clear()
        _lines[raw] = line
    return line


_VALUES = frozenset({2 << 3 | LENGTH, 3 << 3 | LENGTH})


def _name_and_value(raw: bytes) -> tuple[bytes, bytes]:
    name = value = b""
    for number, kind, at, stop in fields(raw, 0, len(raw)):
        if kind == LENGTH:
            if number == 1:
                name = raw[at:stop]
            elif number in (2, 3) and stop > at:
                value = raw[at:stop]
    return name, value


def _read_modes(data: bytes, start: int, end: int) -> BodyModes:
    request = response = unprompted = 0
    for number, kind, value, _ in fields(data, start, end):
        if kind == VARINT:
            if number == 1:
                request = value
            elif number == 2:
                response = value
            elif number == 3:
                unprompted = value
    return _modes(request, response, unprompted != 0)


@lru_cache(maxsize=64)
def _modes(request: int, response: int, unprompted: bool) -> BodyModes:
    return BodyModes(request, response, unprompted)


_CACHED_METADATA = 32 * 1024
"""Bytes of metadata that are kept: a subset of a thousand endpoints."""


def metadata_of(data: bytes) -> dict[str, dict[str, Plain]]:
    """Dynamic metadata by namespace. Raises MalformedMessage."""
    if not data:
        return {}
    return _known_metadata(data) if len(data) <= _CACHED_METADATA else _metadata(data)


def _metadata(data: bytes) -> dict[str, dict[str, Plain]]:
    found: dict[str, dict[str, Plain]] = {}
    for number, kind, at, stop in fields(data, 0, len(data)):
        if number == 1 and kind == LENGTH:
            namespace, value_at, value_end = map_entry(data, at, stop)
            found[namespace] = read_struct(data, value_at, value_end)
    return found


_known_metadata = lru_cache(maxsize=64)(_metadata)
"""Requests of one route mostly carry the same."""
