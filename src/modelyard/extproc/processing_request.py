"""``envoy.service.ext_proc.v3.ProcessingRequest``, as far as it is used: what a proxy says of one HTTP request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from modelyard.extproc.protobuf_struct import Plain, map_entry, read_struct
from modelyard.extproc.protobuf_wire import LENGTH, VARINT, fields, read_varint, varint

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
    """Lines of headers or of a request's trailers: names as sent (lower case in HTTP/2), values as latin-1, pseudo
    header fields among them."""
    body: bytes = b""
    end_of_stream: bool = False
    metadata: bytes = b""
    """``metadata_context``, to be read with ``metadata_of``."""
    modes: BodyModes | None = None
    observability: bool = False
    """The proxy only shows what it does and waits for no answer."""


def read_request(data: bytes) -> ProcessingRequest:
    """Raises MalformedMessage."""
    message = ProcessingRequest()
    for number, kind, at, stop in fields(data, _usual(message, data), len(data)):
        if kind == LENGTH:
            if number in _BODIES:
                message.phase = number
                _read_body(message, data, at, stop)
            elif number in _HEADERS:
                message.phase = number
                _read_headers(message, data, at, stop)
            elif number == REQUEST_TRAILERS:
                message.phase = number
                _read_trailers(message, data, at, stop)
            elif number == RESPONSE_TRAILERS:
                message.phase = number
            elif number == _METADATA:
                message.metadata = data[at:stop]
            elif number == _PROTOCOL:
                message.modes = (_known_modes if stop - at <= _CACHED_MODES else _read_modes)(data[at:stop])
        elif number == _OBSERVABILITY and kind == VARINT:
            message.observability = at != 0
    return message


def _usual(message: ProcessingRequest, data: bytes) -> int:
    """Read headers or a body at the beginning of ``data``, written as proxies write them, and say where they end; 0:
    read it all anew."""
    try:
        phase = _PHASES.get(data[0], 0)
        size, at = read_varint(data, 1)
        end = at + size
        if not phase or size == 0 or end > len(data) or data[at] != _FIRST:
            return 0
        length, at = read_varint(data, at + 1)
    except IndexError:
        return 0
    stop = at + length
    if stop != end and (end - stop != 2 or not data.startswith(_ENDS[phase], stop)):
        return 0
    message.phase = phase
    message.end_of_stream = stop != end
    if phase in _BODIES:
        message.body = data[at:stop]
    else:
        message.fields = _header_lines(data, at, stop)
    return end


_BODIES = (REQUEST_BODY, RESPONSE_BODY)
_HEADERS = (REQUEST_HEADERS, RESPONSE_HEADERS)
_PHASES = {phase << 3 | LENGTH: phase for phase in (*_BODIES, *_HEADERS)}
_FIRST = 1 << 3 | LENGTH
_ENDS = dict.fromkeys(_BODIES, b"\x10\x01") | dict.fromkeys(_HEADERS, b"\x18\x01")
"""``end_of_stream: true``."""


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


def _read_trailers(message: ProcessingRequest, data: bytes, start: int, end: int) -> None:
    message.fields = []
    for number, kind, at, stop in fields(data, start, end):
        if number == 1 and kind == LENGTH:
            message.fields += _header_lines(data, at, stop)


def _header_lines(data: bytes, start: int, end: int) -> list[FieldLine]:
    """The lines of a HeaderMap."""
    text = data[start:end].decode("latin-1")
    if _USUAL_LINES.fullmatch(text):
        name_sizes, names, value_sizes, values = zip(*_USUAL_LINE.findall(text), strict=True)
        if _as_long(names, name_sizes) and _as_long(values, value_sizes):
            return list(zip(names, values, strict=True))
    return [
        _header_line(data, at, stop)
        for number, kind, at, stop in fields(data, start, end)
        if (number, kind) == (1, LENGTH)
    ]


_SIZE = r"[\x80-\xff][\x00-\x7f]|[\x00-\x7f]"
_LINE = rf"\n(?:{_SIZE})\n([\x00-\x7f])([!-@\[-~]++)[\x12\x1a]({_SIZE})([^\n]*+)"
_USUAL_LINE = re.compile(_LINE)
_USUAL_LINES = re.compile(rf"(?:{_LINE})++")
"""Entries of a header map whose name is in lower case and whose value has no line feed, which none in HTTP has: each
begins with one. What the pattern takes for sizes is compared with what it found, so that it can only be right."""
_SIZES = {varint(size).decode("latin-1"): size for size in range(2048)}


def _as_long(texts: Sequence[str], sizes: Sequence[str]) -> bool:
    return list(map(len, texts)) == list(map(_SIZES.get, sizes))


def _header_line(data: bytes, start: int, end: int) -> FieldLine:
    """A HeaderValue. Proxies send ``raw_value``; ``value`` is the older form."""
    name = value = b""
    for number, kind, at, stop in fields(data, start, end):
        if kind == LENGTH:
            if number == 1:
                name = data[at:stop]
            elif number in (2, 3) and stop > at:
                value = data[at:stop]
    return name.decode("latin-1").lower(), value.decode("latin-1")


def _read_modes(data: bytes) -> BodyModes:
    request = response = unprompted = 0
    for number, kind, value, _ in fields(data, 0, len(data)):
        if kind == VARINT:
            if number == 1:
                request = value
            elif number == 2:
                response = value
            elif number == 3:
                unprompted = value
    return BodyModes(request, response, unprompted != 0)


_CACHED_MODES = 64
"""Bytes of a ``ProtocolConfiguration`` that is kept; each of its fields takes two."""
_known_modes = lru_cache(maxsize=64)(_read_modes)


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
