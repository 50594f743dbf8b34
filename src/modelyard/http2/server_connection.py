"""One HTTP/2 connection from the server's side, without I/O: bytes in, calls of a handler out; answers in, bytes out.

Kept to what gRPC needs: no push, no priorities. Hostile peers are bounded: streams, header bytes, resets, pings and
settings that cost more than they bring end the connection (RFC 9113, section 10.5).
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from modelyard.http2 import frames
from modelyard.http2.frames import ConnectionError2, FrameReader
from modelyard.http2.header_blocks import HeaderBlockReader, HeaderList

MAX_STREAMS = 4096
"""Requests at a time of one connection."""
RECEIVE_WINDOW = 8 << 20
"""Bytes of the whole connection that may be on their way to us; one stream may have ``STREAM_WINDOW``."""
STREAM_WINDOW = 1 << 20
FRAME_LIMIT = 1 << 18
"""Longest payload of a frame that we take: fewer frames for the same bytes."""
HEADER_LIMIT = 64 << 10
"""Bytes of one header block, and of the list that it unpacks to."""
SPARE_FRAMES = 10_000
"""Frames that carry nothing (pings, settings, resets, empty ones): a connection may have so many, plus one for each
that carries something."""


class StreamHandler(Protocol):
    """What the owner of a connection hears. Called from ``receive`` only."""

    def on_request(self, stream: int, headers: HeaderList, *, end: bool) -> None:
        """A stream began. ``end``: it has no body."""

    def on_data(self, stream: int, data: bytes, *, end: bool) -> None:
        """Bytes of its body; ``end``: the last. Call ``consumed`` once they are used."""

    def on_reset(self, stream: int) -> None:
        """The peer gave the stream up; nothing can be sent on it any more."""

    def on_writable(self, stream: int) -> None:
        """Everything that was to be sent on the stream is on its way."""


class _Stream:
    __slots__ = ("ended_by_peer", "held", "trailers", "unacknowledged", "window")

    def __init__(self, window: int) -> None:
        self.window = window
        self.held: deque[bytes] = deque()
        """Body bytes that no window was open for."""
        self.trailers: bytes | None = None
        """Block that ends the stream once ``held`` is sent."""
        self.unacknowledged = 0
        self.ended_by_peer = False


class ServerConnection:
    """The rules of one connection. Every method may add to ``take()``'s bytes."""

    def __init__(self, handler: StreamHandler) -> None:
        self._handler = handler
        self._reader = FrameReader(FRAME_LIMIT)
        self._blocks = HeaderBlockReader(HEADER_LIMIT)
        self._streams: dict[int, _Stream] = {}
        self._out: list[bytes] = []
        self._preface = frames.PREFACE
        self._last_stream = 0
        self._block: tuple[int, int, list[bytes], int] | None = None
        """A header block that is not complete: stream, flags, parts, size."""
        self._window = frames.DEFAULT_WINDOW
        self._first_window = frames.DEFAULT_WINDOW
        self._frame_size = frames.DEFAULT_FRAME_SIZE
        self._waiting: dict[int, None] = {}
        """Streams that wait for the connection's window, in order."""
        self._unacknowledged = 0
        self._spare = SPARE_FRAMES
        self.closing = False
        """GOAWAY was sent: no new streams."""
        self._out.append(
            frames.settings(
                {
                    frames.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
                    frames.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
                    frames.MAX_FRAME_SIZE: FRAME_LIMIT,
                    frames.MAX_HEADER_LIST_SIZE: HEADER_LIMIT,
                }
            )
        )
        self._out.append(frames.window_update(0, RECEIVE_WINDOW - frames.DEFAULT_WINDOW))

    # ── bytes ──

    def take(self) -> bytes:
        """What is to be written now."""
        if not self._out:
            return b""
        data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out.clear()
        return data

    def receive(self, data: bytes) -> bool:
        """Bytes from the peer. False: the connection is over; write what ``take`` gives and close it."""
        try:
            if self._preface:
                data = self._check_preface(data)
            for kind, flags, stream, payload in self._reader.feed(data):
                self._frame(kind, flags, stream, payload)
        except ConnectionError2 as error:
            self._out.append(frames.go_away(self._last_stream, error.code, str(error)))
            self.closing = True
            return False
        return True

    def _check_preface(self, data: bytes) -> bytes:
        size = min(len(data), len(self._preface))
        if data[:size] != self._preface[:size]:
            raise ConnectionError2(frames.PROTOCOL_ERROR, "this port speaks HTTP/2 with prior knowledge")
        self._preface = self._preface[size:]
        return data[size:]

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if self._block is not None and (kind != frames.CONTINUATION or stream != self._block[0]):
            raise ConnectionError2(frames.PROTOCOL_ERROR, "a header block was interrupted")
        if kind == frames.DATA:
            self._data(flags, stream, payload)
        elif kind == frames.HEADERS:
            self._headers(flags, stream, payload)
        elif kind == frames.WINDOW_UPDATE:
            self._window_update(stream, payload)
        elif kind == frames.RST_STREAM:
            self._reset(stream, payload)
        elif kind == frames.SETTINGS:
            self._settings(flags, stream, payload)
        elif kind == frames.PING:
            self._ping(flags, stream, payload)
        elif kind == frames.CONTINUATION:
            self._continuation(flags, payload)
        elif kind == frames.PUSH_PROMISE:
            raise ConnectionError2(frames.PROTOCOL_ERROR, "a client must not push")
        elif kind != frames.GOAWAY:
            self._spend()  # PRIORITY and unknown types mean nothing here

    def _spend(self) -> None:
        self._spare -= 1
        if self._spare < 0:
            raise ConnectionError2(frames.ENHANCE_YOUR_CALM, "too many frames that carry nothing")

    # ── what the peer sends ──

    def _headers(self, flags: int, stream: int, payload: bytes) -> None:
        if stream == 0:
            raise ConnectionError2(frames.PROTOCOL_ERROR, "HEADERS without a stream")
        part = frames.unpadded(flags, payload, priority=True)
        if flags & frames.END_HEADERS:
            self._block_complete(stream, flags, part)
        else:
            self._block = (stream, flags, [part], len(part))

    def _continuation(self, flags: int, payload: bytes) -> None:
        if self._block is None:
            raise ConnectionError2(frames.PROTOCOL_ERROR, "CONTINUATION of nothing")
        stream, first_flags, parts, size = self._block
        size += len(payload)
        self._spend()
        if size > HEADER_LIMIT:
            raise ConnectionError2(frames.ENHANCE_YOUR_CALM, "the header block is too large")
        parts.append(payload)
        if flags & frames.END_HEADERS:
            self._block = None
            self._block_complete(stream, first_flags, b"".join(parts))
        else:
            self._block = (stream, first_flags, parts, size)

    def _block_complete(self, stream: int, flags: int, block: bytes) -> None:
        headers = self._blocks.read(block)
        end = bool(flags & frames.END_STREAM)
        known = self._streams.get(stream)
        if known is not None:
            self._peer_trailers(stream, known, end)
        elif stream <= self._last_stream:
            self._spend()  # a stream that we have forgotten: its answer was sent, or it was reset
        elif stream % 2 == 0:
            raise ConnectionError2(frames.PROTOCOL_ERROR, "a client's streams have odd numbers")
        else:
            self._last_stream = stream
            self._open(stream, headers, end)

    def _peer_trailers(self, stream: int, known: _Stream, end: bool) -> None:
        if known.ended_by_peer or not end:
            raise ConnectionError2(frames.PROTOCOL_ERROR, "HEADERS inside of a stream that end nothing")
        known.ended_by_peer = True
        self._handler.on_data(stream, b"", end=True)

    def _open(self, stream: int, headers: HeaderList, end: bool) -> None:
        if self.closing or len(self._streams) >= MAX_STREAMS:
            self._spend()
            self._out.append(frames.reset(stream, frames.REFUSED_STREAM))
            return
        opened = self._streams[stream] = _Stream(self._first_window)
        opened.ended_by_peer = end
        self._earn()
        self._handler.on_request(stream, headers, end=end)

    def _earn(self) -> None:
        if self._spare < SPARE_FRAMES:
            self._spare += 1

    def _data(self, flags: int, stream: int, payload: bytes) -> None:
        if stream == 0:
            raise ConnectionError2(frames.PROTOCOL_ERROR, "DATA without a stream")
        self._unacknowledged += len(payload)
        if self._unacknowledged > RECEIVE_WINDOW:
            raise ConnectionError2(frames.FLOW_CONTROL_ERROR, "more data than the connection's window")
        end = bool(flags & frames.END_STREAM)
        known = self._streams.get(stream)
        data = frames.unpadded(flags, payload) if flags & frames.PADDED else payload
        if known is None:
            if stream > self._last_stream:
                raise ConnectionError2(frames.PROTOCOL_ERROR, "DATA of a stream that never began")
            self._spend()
            self._acknowledge_connection()
            return
        if known.ended_by_peer:
            raise ConnectionError2(frames.STREAM_CLOSED, "DATA after the end of its stream")
        known.unacknowledged += len(payload)
        if known.unacknowledged > STREAM_WINDOW:
            raise ConnectionError2(frames.FLOW_CONTROL_ERROR, "more data than the stream's window")
        if data:
            self._earn()
        elif not end:
            self._spend()
        known.ended_by_peer = end
        self._handler.on_data(stream, data, end=end)

    def _window_update(self, stream: int, payload: bytes) -> None:
        increment = frames.read_long(payload) & 0x7FFFFFFF
        self._spend()
        if stream == 0:
            if increment == 0:
                raise ConnectionError2(frames.PROTOCOL_ERROR, "a window grown by nothing")
            self._window += increment
            if self._window > frames.LARGEST_WINDOW:
                raise ConnectionError2(frames.FLOW_CONTROL_ERROR, "a window above 2^31-1")
            self._flush_waiting()
            return
        known = self._streams.get(stream)
        if known is None:
            return
        if increment == 0 or known.window + increment > frames.LARGEST_WINDOW:
            self._end(stream, frames.PROTOCOL_ERROR if increment == 0 else frames.FLOW_CONTROL_ERROR)
            return
        known.window += increment
        if known.held or known.trailers is not None:
            self._flush(stream, known)

    def _reset(self, stream: int, payload: bytes) -> None:
        frames.read_long(payload)
        if stream == 0 or stream > self._last_stream:
            raise ConnectionError2(frames.PROTOCOL_ERROR, "RST_STREAM of a stream that never began")
        self._spend()
        if self._forget(stream) is not None:
            self._handler.on_reset(stream)

    def _settings(self, flags: int, stream: int, payload: bytes) -> None:
        if stream != 0 or (flags & frames.ACK and payload):
            raise ConnectionError2(frames.PROTOCOL_ERROR, "SETTINGS belong to the connection")
        if flags & frames.ACK:
            return
        self._spend()
        for name, value in frames.read_settings(payload):
            if name == frames.INITIAL_WINDOW_SIZE:
                self._new_first_window(value)
            elif name == frames.MAX_FRAME_SIZE:
                if not frames.DEFAULT_FRAME_SIZE <= value <= 2**24 - 1:
                    raise ConnectionError2(frames.PROTOCOL_ERROR, "a frame size out of range")
                self._frame_size = value
        self._out.append(frames.frame(frames.SETTINGS, frames.ACK, 0))
        for number, known in list(self._streams.items()):
            self._flush(number, known)

    def _new_first_window(self, value: int) -> None:
        if value > frames.LARGEST_WINDOW:
            raise ConnectionError2(frames.FLOW_CONTROL_ERROR, "a window above 2^31-1")
        change, self._first_window = value - self._first_window, value
        for known in self._streams.values():
            known.window += change

    def _ping(self, flags: int, stream: int, payload: bytes) -> None:
        if stream != 0 or len(payload) != 8:
            raise ConnectionError2(frames.FRAME_SIZE_ERROR, "a broken PING")
        if not flags & frames.ACK:
            self._spend()
            self._out.append(frames.frame(frames.PING, frames.ACK, 0, payload))

    # ── what the owner sends ──

    def consumed(self, stream: int, size: int) -> None:
        """``size`` bytes of a stream's body are used: the peer may send as many more. Told in large steps."""
        self._acknowledge_connection()
        known = self._streams.get(stream)
        if known is not None and not known.ended_by_peer and known.unacknowledged >= STREAM_WINDOW // 2:
            self._out.append(frames.window_update(stream, known.unacknowledged))
            known.unacknowledged = 0

    def _acknowledge_connection(self) -> None:
        if self._unacknowledged >= RECEIVE_WINDOW // 2:
            self._out.append(frames.window_update(0, self._unacknowledged))
            self._unacknowledged = 0

    def send_headers(self, stream: int, block: bytes, *, end: bool = False) -> None:
        """The head of an answer (``end`` False) or its only block."""
        if stream not in self._streams:
            return
        flags = frames.END_HEADERS | (frames.END_STREAM if end else 0)
        self._out.append(frames.frame(frames.HEADERS, flags, stream, block))
        if end:
            self._finished(stream)

    def send_data(self, stream: int, data: bytes) -> bool:
        """Body bytes. False: they wait for the peer's window; ``on_writable`` tells when they are gone."""
        known = self._streams.get(stream)
        if known is None:
            return True
        if not known.held and len(data) <= known.window and len(data) <= self._window and len(data) <= self._frame_size:
            known.window -= len(data)
            self._window -= len(data)
            self._out.append(frames.frame(frames.DATA, 0, stream, data))
            return True
        known.held.append(data)
        self._flush(stream, known, quiet=True)
        return not known.held

    def send_trailers(self, stream: int, block: bytes) -> None:
        """End the answer, after everything that was sent before."""
        known = self._streams.get(stream)
        if known is None:
            return
        known.trailers = block
        if not known.held:
            self._flush(stream, known, quiet=True)

    def reset(self, stream: int, code: int = frames.CANCEL) -> None:
        """Give a stream up."""
        if self._forget(stream) is not None:
            self._out.append(frames.reset(stream, code))

    def go_away(self) -> None:
        """Take no new streams; those that are open go on."""
        if not self.closing:
            self.closing = True
            self._out.append(frames.go_away(self._last_stream, frames.NO_ERROR))

    @property
    def open_streams(self) -> int:
        """Streams whose answer is not complete."""
        return len(self._streams)

    def _end(self, stream: int, code: int) -> None:
        """A fault of one stream."""
        self.reset(stream, code)
        self._handler.on_reset(stream)

    def _forget(self, stream: int) -> _Stream | None:
        self._waiting.pop(stream, None)
        return self._streams.pop(stream, None)

    def _finished(self, stream: int) -> None:
        """The answer is complete. A peer that still sends is told to stop (RFC 9113, section 8.1)."""
        known = self._forget(stream)
        if known is not None and not known.ended_by_peer:
            self._out.append(frames.reset(stream, frames.NO_ERROR))

    def _flush_waiting(self) -> None:
        for stream in list(self._waiting):
            known = self._streams.get(stream)
            if known is not None and self._window > 0:
                self._flush(stream, known)

    def _flush(self, stream: int, known: _Stream, *, quiet: bool = False) -> None:
        """Send what the windows allow."""
        had = bool(known.held)
        while known.held:
            data = known.held[0]
            size = min(len(data), known.window, self._window, self._frame_size)
            if size <= 0 and data:
                break
            known.window -= size
            self._window -= size
            self._out.append(frames.frame(frames.DATA, 0, stream, data[:size]))
            if size == len(data):
                known.held.popleft()
            else:
                known.held[0] = data[size:]
        if known.held:
            self._waiting[stream] = None
            return
        self._waiting.pop(stream, None)
        if known.trailers is not None:
            flags = frames.END_HEADERS | frames.END_STREAM
            self._out.append(frames.frame(frames.HEADERS, flags, stream, known.trailers))
            self._finished(stream)
        elif had and not quiet:
            self._handler.on_writable(stream)
