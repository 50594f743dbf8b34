"""Where a body ends: decoders with one shape for the three framings (RFC 9112 section 6.3)."""

from __future__ import annotations

from typing import Protocol

from modelyard.http1.chunked_coding import ChunkedDecoder
from modelyard.http1.message_heads import Headers, RequestHead
from modelyard.http1.response_parsing import has_no_body


class BodyDecoder(Protocol):
    """Takes a body's bytes as they come and says when it has ended."""

    aligned: bool
    """The bytes fed last may be passed on as they are where the other side is framed the same way."""
    done: bool
    rest: bytes
    """What followed the body's end in the bytes fed last."""
    trailers: Headers

    def feed(self, data: bytes) -> bytes: ...


class LengthDecoder:
    """A body of a known length."""

    __slots__ = ("aligned", "done", "left", "rest", "trailers")

    def __init__(self, length: int) -> None:
        self.left = length
        self.aligned = False
        self.done = not length
        self.rest = b""
        self.trailers: Headers = []

    def feed(self, data: bytes) -> bytes:
        left = self.left
        if len(data) < left:
            self.left = left - len(data)
            return data
        self.left = 0
        self.done = True
        if len(data) == left:
            return data
        self.rest = data[left:]
        return data[:left]


class UntilCloseDecoder:
    """A response body that ends with its connection."""

    __slots__ = ("aligned", "done", "rest", "trailers")

    def __init__(self) -> None:
        self.aligned = False
        self.done = False
        self.rest = b""
        self.trailers: Headers = []

    def feed(self, data: bytes) -> bytes:
        return data


def request_decoder(head: RequestHead) -> BodyDecoder:
    return ChunkedDecoder() if head.chunked else LengthDecoder(head.content_length or 0)


def response_decoder(method: str, status: int, chunked: bool, length: int | None) -> BodyDecoder:
    """The decoder for the answer to a ``method`` request."""
    if has_no_body(method, status):
        return LengthDecoder(0)
    if chunked:
        return ChunkedDecoder()
    if length is not None:
        return LengthDecoder(length)
    return UntilCloseDecoder()
