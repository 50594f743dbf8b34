"""``envoy.service.ext_proc.v3.ProcessingResponse``, as far as it is sent: answers to a proxy, as bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from modelyard.exchange.trusted_headers import DESTINATION
from modelyard.extproc.processing_request import (
    REQUEST_BODY,
    REQUEST_HEADERS,
    REQUEST_TRAILERS,
    RESPONSE_BODY,
    RESPONSE_HEADERS,
    RESPONSE_TRAILERS,
)
from modelyard.extproc.protobuf_struct import struct_of
from modelyard.extproc.protobuf_wire import LENGTH, nested, number_field, varint

LARGEST_PIECE = 62_000
"""Bytes of one piece of a body (Endpoint Picker Protocol, section "chunking"): with what surrounds it, below the 64 KiB
at which common gRPC implementations begin to split or refuse."""

Fields = Sequence[tuple[str, str]]

ANSWERS = {
    REQUEST_HEADERS: 1,
    RESPONSE_HEADERS: 2,
    REQUEST_BODY: 3,
    RESPONSE_BODY: 4,
    REQUEST_TRAILERS: 5,
    RESPONSE_TRAILERS: 6,
}
"""Phase of a request message to the field of its answer."""

_IMMEDIATE, _METADATA, _MODE_OVERRIDE, _TIMEOUT = 7, 8, 9, 10
_OVERWRITE = number_field(3, 2)
"""``append_action: OVERWRITE_IF_EXISTS_OR_ADD``: never a second value beside a client's own."""


def header_mutation(set_fields: Fields, remove: Sequence[str] = ()) -> bytes:
    """The content of a HeaderMutation."""
    lines = [_set(name, value) for name, value in set_fields]
    return b"".join(lines + [nested(2, name.encode("latin-1")) for name in remove])


@lru_cache(maxsize=4096)
def _set(name: str, value: str) -> bytes:
    return nested(1, nested(1, nested(1, name.encode("latin-1")), nested(3, value.encode("latin-1"))), _OVERWRITE)


def plain_answer(phase: int) -> bytes:
    """Go on, nothing changes."""
    return _PLAIN[phase]


_PLAIN = {
    phase: nested(number) if phase in (REQUEST_TRAILERS, RESPONSE_TRAILERS) else nested(number, nested(1))
    for phase, number in ANSWERS.items()
}


def answer(
    phase: int,
    *,
    mutation: bytes = b"",
    body: bytes | None = None,
    clear_route_cache: bool = False,
    metadata: bytes = b"",
    mode_override: bytes = b"",
) -> bytes:
    """The answer to a headers or body message. ``mutation``: see ``header_mutation``; ``body``: what takes the place of
    the body that came (not in FULL_DUPLEX_STREAMED: see ``pieces``); ``metadata``: see ``picked_metadata``."""
    parts = []
    if mutation:
        parts.append(nested(2, mutation))
    if body is not None:
        parts.append(nested(3, nested(1, body)))
    if clear_route_cache:
        parts.append(_CLEAR)
    return b"".join((nested(ANSWERS[phase], nested(1, *parts)), metadata, mode_override))


_CLEAR = number_field(5, 1)


def trailers_answer(phase: int, metadata: bytes = b"", mutation: bytes = b"") -> bytes:
    """The answer to trailers. ``mutation``: see ``header_mutation``; empty: they go on as they are."""
    return (nested(ANSWERS[phase], nested(1, mutation)) if mutation else _PLAIN[phase]) + metadata


def piece(phase: int, data: bytes | memoryview, *, end: bool) -> bytes:
    """One piece of a body in FULL_DUPLEX_STREAMED: five messages in one another, written from the inside."""
    size = len(data)
    parts: list[bytes | memoryview] = [_END] if end else []
    inner = len(_END) if end else 0
    if size:
        length = varint(size)
        parts += (data, length, _BODY)
        inner += size + len(length) + 1
    for tag in (_STREAMED, _STREAMED, _COMMON, _OUTER[phase]):
        length = varint(inner)
        parts += (length, tag)
        inner += len(length) + 1
    parts.reverse()
    return b"".join(parts)


_BODY, _COMMON, _STREAMED = (bytes((number << 3 | LENGTH,)) for number in (1, 1, 3))
_END = number_field(2, 1)
_OUTER = {phase: bytes((number << 3 | LENGTH,)) for phase, number in ANSWERS.items()}


def pieces(phase: int, body: bytes, *, end: bool, first: bytes = b"") -> Iterator[bytes]:
    """A body in FULL_DUPLEX_STREAMED, made piece by piece as they are asked for; ``end``: nothing follows, no trailers
    either. ``first``: an ``answer`` of the same phase that the first piece carries too; who reads the message merges
    them (protobuf.dev, "Last One Wins")."""
    size = len(body)
    if size <= LARGEST_PIECE:
        if size or end:
            yield first + piece(phase, body, end=end)
        return
    view = memoryview(body)
    for at in range(0, size, LARGEST_PIECE):
        yield first + piece(phase, view[at : at + LARGEST_PIECE], end=end and at + LARGEST_PIECE >= size)
        first = b""


@lru_cache(maxsize=4096)
def picked_metadata(targets: str) -> bytes:
    """The pick as dynamic metadata: what an answer carries beside the header."""
    return nested(_METADATA, struct_of({"envoy.lb": {DESTINATION: targets}}))


def scored_metadata(targets: str, scores: Mapping[str, float]) -> bytes:
    """The pick with the scores of what could have been picked, as the reference implementation writes them."""
    row: dict[str, str | Mapping[str, float]] = {DESTINATION: targets}
    if scores:
        row[f"{DESTINATION}-scores"] = scores
    return nested(_METADATA, struct_of({"envoy.lb": row}))


def immediate(status: int, set_fields: Fields, body: bytes, details: str = "") -> bytes:
    """Answer the client without asking an endpoint."""
    parts = [nested(1, number_field(1, status)), nested(2, header_mutation(set_fields))]
    if body:
        parts.append(nested(3, body))
    if details:
        parts.append(nested(5, details.encode()))
    return nested(_IMMEDIATE, *parts)


def more_time(seconds: float) -> bytes:
    """The answer takes up to ``seconds``: a message of its own, since proxies ignore what stands beside it."""
    return nested(_TIMEOUT, number_field(1, int(seconds)), number_field(2, int(seconds % 1 * 1e9)))


@lru_cache(maxsize=64)
def response_mode(request: int, response: int) -> bytes:
    """What the answer to response headers carries to say how the answer's body is to come, from here on: in mode
    ``response``. ``request`` is said again, since it would be changed too. Trailers are asked for, which few answers
    have: without them Envoy ends the stream here, and nobody would learn when the answer ends."""
    return nested(_MODE_OVERRIDE, number_field(2, 1), number_field(3, request), number_field(4, response), _TRAILERS)


_TRAILERS = number_field(6, 1)
