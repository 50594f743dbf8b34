"""One HTTP/2 connection from the server's side, without I/O: bytes in, calls of streams; their answers, bytes out.

Kept to what gRPC needs: no push, no priorities. A fault of the peer's ends its stream or its connection (RFC 9113,
section 5.4), what costs more than it brings is bounded by ``ServerLimits`` (section 10.5), and nothing raises.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from modelyard.http2 import frames
from modelyard.http2.frames import ConnectionFault, FrameCutter, StreamFault
from modelyard.http2.header_assembly import HeaderAssembly
from modelyard.http2.header_blocks import HeaderBlockReader
from modelyard.http2.housekeeping import Housekeeping
from modelyard.http2.server_limits import ServerLimits
from modelyard.http2.server_stream import ServerStream

StreamType = Callable[["ServerConnection", int, int, int], ServerStream]
"""A subclass of ``ServerStream``, or what makes one of the same arguments."""


class ServerConnection(Housekeeping):
    """The rules of one connection. ``ended`` and ``drained`` tell its owner when to close it."""

    def __init__(
        self, stream_type: StreamType, limits: ServerLimits, now: float, on_output: Callable[[], None] = lambda: None
    ) -> None:
        """``on_output``: called when ``outgoing`` has something to take and had nothing before. ``now``: as for
        ``receive``, in seconds of a clock that only goes forward."""
        Housekeeping.__init__(self, limits, now, on_output)
        self._stream_type = stream_type
        self._preface = frames.PREFACE
        self.no_http2 = b""
        """First bytes of a peer that speaks something else."""
        self._cutter = FrameCutter(limits.max_frame)
        self._assembly = HeaderAssembly(limits)
        self._blocks = HeaderBlockReader(limits.max_header_list)
        self._cut: OrderedDict[int, None] = OrderedDict()
        """The last streams that ended here before the peer knew: frames of theirs may be on their way (section 5.1)."""
        self._receive_window = limits.connection_window
        """Bytes of data that the peer may still send."""
        self._unacknowledged = 0
        """Bytes that were used and that it may send anew, but has not been told so."""
        self._greet()

    def _greet(self) -> None:
        limits = self.limits
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
            streams, assembly = self.streams, self._assembly
            for kind, flags, number, payload in self._cutter.feed(data):
                stream = streams.get(number)
                try:
                    if kind == frames.DATA and stream is not None and not assembly.stream:
                        self._data(flags, stream, payload)
                    else:
                        self._other(kind, flags, number, payload)
                except StreamFault as fault:
                    self._fail_stream(number, fault.code)
            if self.unsent > self.limits.max_unsent:
                raise ConnectionFault(frames.ENHANCE_YOUR_CALM, "answers are not taken")
        except ConnectionFault as fault:
            self._fail(fault)

    def _fail(self, fault: ConnectionFault) -> None:
        self.outgoing.add(frames.go_away(self._last_taken, fault.code, str(fault)))
        self.lost()

    def lost(self) -> None:
        """The connection is gone: every stream hears ``on_reset``."""
        self.ended = self._refusing = True
        for stream in list(self.streams.values()):
            self._abandon(stream)

    def _check_preface(self, data: bytes) -> bytes:
        """RFC 9113, section 3.4."""
        size = min(len(data), len(self._preface))
        if data[:size] != self._preface[:size]:
            self.no_http2 = data[:size]
            raise ConnectionFault(frames.PROTOCOL_ERROR, "this port speaks HTTP/2 only, with prior knowledge")
        self._preface = self._preface[size:]
        return data[size:]

    def _other(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        unfinished = self._assembly.stream
        if unfinished and (kind != frames.CONTINUATION or number != unfinished):
            raise ConnectionFault(frames.PROTOCOL_ERROR, "a header block was interrupted")
        if not self.greeted and kind != frames.SETTINGS:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "SETTINGS must come first")
        handle = _HANDLERS.get(kind)
        if handle is None:
            self._spend()  # unknown types mean nothing (section 5.5)
        else:
            handle(self, flags, number, payload)

    # ── streams begin (section 8.1) ──

    def _headers(self, flags: int, number: int, payload: bytes) -> None:
        if number % 2 == 0:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "a client's streams have odd numbers")
        block = self._assembly.begin(flags, number, payload)
        if block is not None:
            self._block_complete(number, flags, block)

    def _continuation(self, flags: int, number: int, payload: bytes) -> None:
        self._spend()
        block = self._assembly.go_on(flags, number, payload)
        if block is not None:
            self._block_complete(number, self._assembly.flags, block)

    def _block_complete(self, number: int, flags: int, block: bytes) -> None:
        end = bool(flags & frames.END_STREAM)
        known = self.streams.get(number)
        if known is not None:
            self._peer_trailers(known, block, end)
        elif number <= self._last_seen:
            self._spend()
            self._blocks.skip(block)
            if number not in self._cut:
                raise ConnectionFault(frames.STREAM_CLOSED, "HEADERS of a stream that is over")
        else:
            self._last_seen = number
            self._open(number, block, end)

    def _open(self, number: int, block: bytes, end: bool) -> None:
        if self._refusing or len(self.streams) >= self.limits.max_streams:
            self._blocks.skip(block)
            self._spend()
            self._cut_off(number, frames.REFUSED_STREAM)
            return
        self._last_taken = number
        head = self._blocks.request(block)
        stream = self._stream_type(self, number, self._first_window, self.limits.stream_window)
        stream.awaited = head.content_length
        self.streams[number] = stream
        if end:
            self._check_length(stream, 0, end)
            stream.peer_done = True
        stream.on_head(head, end=end)

    def _peer_trailers(self, stream: ServerStream, block: bytes, end: bool) -> None:
        if stream.peer_done:
            self._blocks.skip(block)
            raise StreamFault(frames.STREAM_CLOSED, "HEADERS after the end of their stream")
        self._blocks.trailers(block)
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
            self._check_length(stream, len(data), end, size)
        if end:
            stream.peer_done = True
        stream.arrived(data, size, end=end)

    def _check_length(self, stream: ServerStream, size: int, end: bool, taken: int = 0) -> None:
        """A body is as long as content-length says (section 8.1.1). ``taken``: what it took of the windows, to be given
        back where it is not."""
        if stream.awaited >= 0:
            stream.awaited -= size
            if stream.awaited < 0 or (end and stream.awaited):
                self.release(taken)
                raise StreamFault(frames.PROTOCOL_ERROR, "the body's length is not content-length's")

    def _stray_data(self, flags: int, number: int, payload: bytes) -> None:
        """DATA of a stream that is over. It counts for the connection's window all the same (section 6.9)."""
        self._check_began(number, "DATA")
        self._receive_window -= len(payload)
        if self._receive_window < 0:
            raise ConnectionFault(frames.FLOW_CONTROL_ERROR, "more data than the connection's window")
        if not frames.unpadded(flags, payload):
            self._spend()
        self.release(len(payload))
        if number not in self._cut:
            raise StreamFault(frames.STREAM_CLOSED, "DATA of a stream that is over")

    def release(self, size: int) -> None:
        """``size`` bytes of data are used: the connection may send as many more. Told in large steps."""
        self._unacknowledged += size
        if self._unacknowledged >= self.limits.connection_window // 2:
            self.outgoing.add(frames.window_update(0, self._unacknowledged))
            self._receive_window += self._unacknowledged
            self._unacknowledged = 0

    def consumed(self, stream: ServerStream, size: int) -> None:
        """The same for data of a stream."""
        self.release(size)
        if stream.peer_done:
            return
        stream.unacknowledged += size
        if stream.unacknowledged >= self.limits.stream_window // 2:
            self.outgoing.add(frames.window_update(stream.number, stream.unacknowledged))
            stream.receive_window += stream.unacknowledged
            stream.unacknowledged = 0

    def _reset(self, flags: int, number: int, payload: bytes) -> None:
        """RST_STREAM (section 6.4)."""
        frames.read_long(payload)
        self._check_began(number, "RST_STREAM")
        stream = self.streams.get(number)
        if stream is None:
            self._spend()
            return
        self._spend()
        if stream.answered:
            self._early_resets.earn()  # Envoy ends its streams so
        else:
            self._spend_reset()
        self._abandon(stream)

    # ── the end of streams ──

    def end_stream(self, stream: ServerStream, code: int | None) -> None:
        """The stream's answer is complete (``code`` None) or it was given up. Called by the stream."""
        if self.streams.pop(stream.number, None) is None:
            return
        self.outgoing.dequeue(stream)
        stream.drop_pending()
        stream.drop_held()
        if code is not None:
            self._cut_off(stream.number, code)
            return
        self._early_resets.earn()
        self._idle_frames.earn()
        if not stream.peer_done:
            # The peer need not send the rest (section 8.1).
            self._cut_off(stream.number, frames.NO_ERROR)

    def _cut_off(self, number: int, code: int) -> None:
        self.outgoing.add(frames.reset(number, code))
        self._cut[number] = None
        if len(self._cut) > 2 * self.limits.max_streams:
            self._cut.popitem(last=False)

    def _fail_stream(self, number: int, code: int) -> None:
        """A fault of the peer's. One who makes us reset streams pays for it as if he had reset them himself."""
        self._spend_reset()
        self._cut_off(number, code)
        stream = self.streams.get(number)
        if stream is not None:
            self._abandon(stream)

    def _abandon(self, stream: ServerStream) -> None:
        """It ends without an answer, and needs no frame that says so."""
        if self.streams.pop(stream.number, None) is None:
            return
        self.outgoing.dequeue(stream)
        stream.over = True
        stream.drop_pending()
        stream.drop_held()
        stream.on_reset()


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
