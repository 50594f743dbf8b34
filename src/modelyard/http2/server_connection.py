"""One HTTP/2 connection from the server's side, without I/O: bytes in, calls of streams; their answers, bytes out.

Kept to what gRPC needs: no push, no priorities. A fault of the peer's ends its stream or its connection (RFC 9113,
section 5.4), what costs more than it brings is bounded by ``ServerLimits`` (section 10.5), and nothing raises.
"""

from __future__ import annotations

from collections.abc import Callable

from modelyard.http2 import frames
from modelyard.http2.allowance import Allowance
from modelyard.http2.frames import ConnectionFault, FrameCutter, StreamFault
from modelyard.http2.header_blocks import HeaderBlockReader
from modelyard.http2.outgoing import Outgoing
from modelyard.http2.server_limits import ServerLimits
from modelyard.http2.server_stream import ServerStream

StreamType = Callable[["ServerConnection", int, int, int], ServerStream]
"""A subclass of ``ServerStream``, or what makes one of the same arguments."""

_MOST_SETTINGS = 32
"""Settings of one frame; there are about ten in use."""
_DRAIN_PING = b"drained?"


class ServerConnection:
    """The rules of one connection."""

    def __init__(
        self, stream_type: StreamType, limits: ServerLimits, now: float, on_output: Callable[[], None] = lambda: None
    ) -> None:
        """``on_output``: called when ``outgoing`` has something to take and had nothing before. ``now``: as for
        ``receive``, in seconds of a clock that only goes forward."""
        self._stream_type = stream_type
        self._limits = limits
        self._now = now
        self.outgoing = Outgoing(on_output)
        self.streams: dict[int, ServerStream] = {}
        """Those whose answer is not complete."""
        self.ended = False
        """Nothing more is read: write what there is and close."""
        self._cutter = FrameCutter(limits.max_frame)
        self._blocks = HeaderBlockReader(limits.max_header_list)
        self._preface = frames.PREFACE
        self.greeted = False
        """The peer's SETTINGS came (RFC 9113, section 3.4)."""
        self._last_seen = 0
        """Highest stream that the peer began."""
        self._last_taken = 0
        """Highest that was not refused."""
        self._refusing = False
        """The last GOAWAY was sent: no new streams."""
        self._draining = False
        self._block: _PartialBlock | None = None
        self._first_window = frames.DEFAULT_WINDOW
        self._receive_window = limits.connection_window
        self._unacknowledged = 0
        self._idle_frames = Allowance(limits.idle_frames, limits.idle_frames_per_second, now)
        self._early_resets = Allowance(limits.early_resets, limits.early_resets_per_second, now)
        self._greet()

    def _greet(self) -> None:
        limits = self._limits
        announced = {
            frames.MAX_CONCURRENT_STREAMS: limits.max_streams,
            frames.INITIAL_WINDOW_SIZE: limits.stream_window,
            frames.MAX_FRAME_SIZE: limits.max_frame,
            frames.MAX_HEADER_LIST_SIZE: limits.max_header_list,
        }
        growth = limits.connection_window - frames.DEFAULT_WINDOW
        self.outgoing.add(frames.settings(announced) + frames.window_update(0, growth))

    # ── bytes ──

    def receive(self, data: bytes, now: float) -> None:
        """Bytes from the peer. Look at ``ended`` afterwards."""
        if self.ended:
            return
        self._now = now
        try:
            if self._preface:
                data = self._check_preface(data)
            streams = self.streams
            for kind, flags, number, payload in self._cutter.feed(data):
                stream = streams.get(number)
                try:
                    if kind == frames.DATA and stream is not None and self._block is None:
                        self._data(flags, stream, payload)
                    else:
                        self._other(kind, flags, number, payload)
                except StreamFault as fault:
                    self._fail_stream(number, fault.code)
        except ConnectionFault as fault:
            self._fail(fault)

    def _fail(self, fault: ConnectionFault) -> None:
        self.outgoing.add(frames.go_away(self._last_taken, fault.code, str(fault)))
        self.lost()

    def lost(self) -> None:
        """The connection is gone: every stream hears ``on_reset``."""
        self.ended = True
        for stream in list(self.streams.values()):
            self._abandon(stream)

    def _check_preface(self, data: bytes) -> bytes:
        """RFC 9113, section 3.4."""
        size = min(len(data), len(self._preface))
        if data[:size] != self._preface[:size]:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "this port speaks HTTP/2 only, with prior knowledge")
        self._preface = self._preface[size:]
        return data[size:]

    def _other(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        block = self._block
        if block is not None and (kind != frames.CONTINUATION or number != block.stream):
            raise ConnectionFault(frames.PROTOCOL_ERROR, "a header block was interrupted")
        if not self.greeted and kind != frames.SETTINGS:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "SETTINGS must come first")
        handle = _HANDLERS.get(kind)
        if handle is None:
            self._spend()  # unknown types mean nothing (section 5.5)
        else:
            handle(self, flags, number, payload)

    def _spend(self, count: int = 1) -> None:
        if not self._idle_frames.spend(count, self._now):
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM, "too many frames that carry nothing")

    # ── header blocks (section 6.2 and 6.10) ──

    def _headers(self, flags: int, number: int, payload: bytes) -> None:
        if number % 2 == 0:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "a client's streams have odd numbers")
        part = frames.unpadded(flags, payload, priority=True)
        if flags & frames.END_HEADERS:
            self._block_complete(number, flags, part)
        else:
            self._block = _PartialBlock(number, flags, part)
        self._check_block_size(len(part))

    def _continuation(self, flags: int, number: int, payload: bytes) -> None:
        block = self._block
        if block is None:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "CONTINUATION of nothing")
        block.parts.append(payload)
        block.size += len(payload)
        self._check_block_size(block.size)
        if len(block.parts) > self._limits.max_continuations + 1:
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM, "the header block comes in too many frames")
        self._spend()
        if flags & frames.END_HEADERS:
            self._block = None
            self._block_complete(number, block.flags, b"".join(block.parts))

    def _check_block_size(self, size: int) -> None:
        if size > self._limits.max_header_list:
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM, "the header block is too large")

    def _block_complete(self, number: int, flags: int, block: bytes) -> None:
        end = bool(flags & frames.END_STREAM)
        known = self.streams.get(number)
        if known is not None:
            self._peer_trailers(known, block, end)
        elif number <= self._last_seen:
            self._spend()  # a stream that is over here: this was on its way (section 5.1)
            self._blocks.skip(block)
        else:
            self._last_seen = number
            self._open(number, block, end)

    def _open(self, number: int, block: bytes, end: bool) -> None:
        if self._refusing or len(self.streams) >= self._limits.max_streams:
            self._blocks.skip(block)
            self._spend()
            self.outgoing.add(frames.reset(number, frames.REFUSED_STREAM))
            return
        self._last_taken = number
        head = self._blocks.request(block)
        stream = self._stream_type(self, number, self._first_window, self._limits.stream_window)
        stream.awaited = head.content_length
        self.streams[number] = stream
        if end:
            self._check_length(stream, 0, end)
            stream.peer_done = True
        stream.on_head(head, end=end)

    def _peer_trailers(self, stream: ServerStream, block: bytes, end: bool) -> None:
        self._blocks.trailers(block)
        if stream.peer_done:
            raise StreamFault(frames.STREAM_CLOSED, "HEADERS after the end of their stream")
        if not end:
            raise StreamFault(frames.PROTOCOL_ERROR, "HEADERS in the middle of a stream")
        self._check_length(stream, 0, end)
        stream.peer_done = True
        stream.arrived(b"", 0, end=True)

    # ── data (sections 5.2 and 6.1) ──

    def _data(self, flags: int, stream: ServerStream, payload: bytes) -> None:
        size = len(payload)
        self._receive_window -= size
        stream.receive_window -= size
        if self._receive_window < 0:
            raise ConnectionFault(frames.FLOW_CONTROL_ERROR, "more data than the connection's window")
        if stream.peer_done:
            self.release(size)
            raise StreamFault(frames.STREAM_CLOSED, "DATA after the end of its stream")
        if stream.receive_window < 0:
            self.release(size)
            raise StreamFault(frames.FLOW_CONTROL_ERROR, "more data than the stream's window")
        data = frames.unpadded(flags, payload) if flags & frames.PADDED else payload
        end = flags & frames.END_STREAM != 0
        if data:
            self._idle_frames.earn()
        elif not end:
            self._spend()
        if stream.awaited >= 0:
            self._check_length(stream, len(data), end)
        if end:
            stream.peer_done = True
        stream.arrived(data, size, end=end)

    def _check_length(self, stream: ServerStream, size: int, end: bool) -> None:
        """A body is as long as content-length says (section 8.1.1)."""
        if stream.awaited >= 0:
            stream.awaited -= size
            if stream.awaited < 0 or (end and stream.awaited):
                raise StreamFault(frames.PROTOCOL_ERROR, "the body's length is not content-length's")

    def _stray_data(self, flags: int, number: int, payload: bytes) -> None:
        """DATA of a stream that is over here, but was not when it was sent: it counts for the connection only."""
        self._check_began(number, "DATA")
        self._receive_window -= len(payload)
        if self._receive_window < 0:
            raise ConnectionFault(frames.FLOW_CONTROL_ERROR, "more data than the connection's window")
        self._spend()
        self.release(len(payload))

    def _check_began(self, number: int, kind: str) -> None:
        """Only HEADERS and PRIORITY may come on an idle stream (section 5.1)."""
        if number > self._last_seen or number % 2 == 0:
            raise ConnectionFault(frames.PROTOCOL_ERROR, f"{kind} of a stream that never began")

    def release(self, size: int) -> None:
        """``size`` bytes of data are used: the connection may send as many more. Told in large steps."""
        self._unacknowledged += size
        if self._unacknowledged >= self._limits.connection_window // 2:
            self.outgoing.add(frames.window_update(0, self._unacknowledged))
            self._receive_window += self._unacknowledged
            self._unacknowledged = 0

    def consumed(self, stream: ServerStream, size: int) -> None:
        """The same for data of a stream."""
        self.release(size)
        if stream.peer_done:
            return
        stream.unacknowledged += size
        if stream.unacknowledged >= self._limits.stream_window // 2:
            self.outgoing.add(frames.window_update(stream.number, stream.unacknowledged))
            stream.receive_window += stream.unacknowledged
            stream.unacknowledged = 0

    # ── what concerns sending (sections 6.5 and 6.9) ──

    def _window_update(self, flags: int, number: int, payload: bytes) -> None:
        increment = frames.read_long(payload) & 0x7FFFFFFF
        outgoing = self.outgoing
        self._spend()
        if number == 0:
            if increment == 0:
                raise ConnectionFault(frames.PROTOCOL_ERROR, "a window grown by nothing")
            outgoing.window += increment
            if outgoing.window > frames.LARGEST_WINDOW:
                raise ConnectionFault(frames.FLOW_CONTROL_ERROR, "a window above 2^31-1")
        else:
            self._grow_stream(number, increment)
        outgoing.pump()

    def _grow_stream(self, number: int, increment: int) -> None:
        stream = self.streams.get(number)
        if stream is None:
            self._check_began(number, "WINDOW_UPDATE")
            return
        if increment == 0:
            raise StreamFault(frames.PROTOCOL_ERROR, "a window grown by nothing")
        if stream.send_window + increment > frames.LARGEST_WINDOW:
            raise StreamFault(frames.FLOW_CONTROL_ERROR, "a window above 2^31-1")
        stream.grow_window(increment)

    def _settings(self, flags: int, number: int, payload: bytes) -> None:
        if number != 0:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "SETTINGS belong to the connection")
        self.greeted = True
        if flags & frames.ACK:
            if payload:
                raise ConnectionFault(frames.FRAME_SIZE_ERROR, "an acknowledgement with SETTINGS")
            self._spend()
            return
        values = frames.read_settings(payload)
        if len(values) > _MOST_SETTINGS:
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM, "too many SETTINGS")
        self._spend(1 + len(self.streams) // 16)  # each of them may get another window
        for name, value in values:
            _check_setting(name, value)
        chosen = dict(values)
        self.outgoing.frame_size = chosen.get(frames.MAX_FRAME_SIZE, self.outgoing.frame_size)
        self._change_first_window(chosen.get(frames.INITIAL_WINDOW_SIZE, self._first_window))
        self.outgoing.add(frames.frame(frames.SETTINGS, frames.ACK, 0))
        self.outgoing.pump()

    def _change_first_window(self, value: int) -> None:
        """Streams that are open change by the difference, below zero too (section 6.9.2)."""
        change, self._first_window = value - self._first_window, value
        if change == 0:
            return
        for stream in self.streams.values():
            if stream.send_window + change > frames.LARGEST_WINDOW:
                raise ConnectionFault(frames.FLOW_CONTROL_ERROR, "a window above 2^31-1")
            stream.grow_window(change)

    # ── the rest ──

    def _reset(self, flags: int, number: int, payload: bytes) -> None:
        """RST_STREAM (section 6.4)."""
        frames.read_long(payload)
        self._check_began(number, "RST_STREAM")
        stream = self.streams.get(number)
        if stream is None:
            self._spend()
            return
        if not stream.answered:
            self._spend_reset()
        self._spend()
        self._abandon(stream)

    def _ping(self, flags: int, number: int, payload: bytes) -> None:
        if number != 0:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "PING belongs to the connection")
        if len(payload) != 8:
            raise ConnectionFault(frames.FRAME_SIZE_ERROR, "a PING of a broken length")
        self._spend()
        if not flags & frames.ACK:
            self.outgoing.add(frames.frame(frames.PING, frames.ACK, 0, payload))
        elif payload == _DRAIN_PING and self._draining and not self._refusing:
            self._refusing = True
            self.outgoing.add(frames.go_away(self._last_taken, frames.NO_ERROR))

    def _priority(self, flags: int, number: int, payload: bytes) -> None:
        """Means nothing here (section 5.3.2)."""
        self._spend()
        if number == 0:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "PRIORITY belongs to a stream")
        if len(payload) != 5:
            raise StreamFault(frames.FRAME_SIZE_ERROR, "a PRIORITY of a broken length")

    def _push_promise(self, flags: int, number: int, payload: bytes) -> None:
        raise ConnectionFault(frames.PROTOCOL_ERROR, "a client must not push")

    def _go_away(self, flags: int, number: int, payload: bytes) -> None:
        """The peer begins no more streams (section 6.8); those that it has go on."""
        self._spend()
        if number != 0:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "GOAWAY belongs to the connection")

    # ── what the owner asks ──

    def drain(self) -> None:
        """Ask the peer to begin no more streams here; those that are on their way are still taken (section 6.8): only
        once it answered that it has heard, later ones are refused."""
        if not self._draining and not self.ended:
            self._draining = True
            first = frames.go_away(frames.LARGEST_STREAM, frames.NO_ERROR)
            self.outgoing.add(first + frames.frame(frames.PING, 0, 0, _DRAIN_PING))

    @property
    def drained(self) -> bool:
        """``drain`` is complete: no stream is open and none will be."""
        return self._refusing and not self.streams

    def ping(self) -> None:
        """Make a peer that is there say something."""
        self.outgoing.add(frames.frame(frames.PING, 0, 0, b"present?"))

    # ── the end of streams ──

    def end_stream(self, stream: ServerStream, code: int | None) -> None:
        """The stream's answer is complete (``code`` None) or it was given up. Called by the stream."""
        if self.streams.pop(stream.number, None) is None:
            return
        self.outgoing.dequeue(stream)
        stream.drop_pending()
        if code is not None:
            self.outgoing.add(frames.reset(stream.number, code))
            return
        self._early_resets.earn()
        self._idle_frames.earn()
        if not stream.peer_done:
            # The peer need not send the rest (section 8.1).
            self.outgoing.add(frames.reset(stream.number, frames.NO_ERROR))

    def _fail_stream(self, number: int, code: int) -> None:
        """A fault of the peer's. One who makes us reset streams pays for it as if he had reset them himself."""
        self._spend_reset()
        self.outgoing.add(frames.reset(number, code))
        stream = self.streams.get(number)
        if stream is not None:
            self._abandon(stream)

    def _spend_reset(self) -> None:
        if not self._early_resets.spend(1, self._now):
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM, "too many streams are reset before they are answered")

    def _abandon(self, stream: ServerStream) -> None:
        """It ends without an answer, and needs no frame that says so."""
        if self.streams.pop(stream.number, None) is None:
            return
        self.outgoing.dequeue(stream)
        stream.over = True
        stream.drop_pending()
        stream.on_reset()


class _PartialBlock:
    """A header block whose end has not come."""

    __slots__ = ("flags", "parts", "size", "stream")

    def __init__(self, stream: int, flags: int, part: bytes) -> None:
        self.stream = stream
        self.flags = flags
        self.parts = [part]
        self.size = len(part)


def _check_setting(name: int, value: int) -> None:
    """RFC 9113, section 6.5.2. Unknown ones mean nothing."""
    if name == frames.INITIAL_WINDOW_SIZE and value > frames.LARGEST_WINDOW:
        raise ConnectionFault(frames.FLOW_CONTROL_ERROR, "a window above 2^31-1")
    if name == frames.MAX_FRAME_SIZE and not frames.DEFAULT_FRAME_SIZE <= value <= frames.LARGEST_FRAME_SIZE:
        raise ConnectionFault(frames.PROTOCOL_ERROR, "a frame size out of range")
    if name == frames.ENABLE_PUSH and value > 1:
        raise ConnectionFault(frames.PROTOCOL_ERROR, "ENABLE_PUSH is neither 0 nor 1")


_HANDLERS: dict[int, Callable[[ServerConnection, int, int, bytes], None]] = {
    frames.DATA: ServerConnection._stray_data,
    frames.HEADERS: ServerConnection._headers,
    frames.PRIORITY: ServerConnection._priority,
    frames.RST_STREAM: ServerConnection._reset,
    frames.SETTINGS: ServerConnection._settings,
    frames.PUSH_PROMISE: ServerConnection._push_promise,
    frames.PING: ServerConnection._ping,
    frames.GOAWAY: ServerConnection._go_away,
    frames.WINDOW_UPDATE: ServerConnection._window_update,
    frames.CONTINUATION: ServerConnection._continuation,
}
