"""What one HTTP/2 connection is to itself: settings, windows for sending, pings, the end.

The half of ``ServerConnection`` that opens no streams and carries no bodies. Section numbers are RFC 9113's.
"""

from __future__ import annotations

from collections.abc import Callable

from modelyard.http2 import frames
from modelyard.http2.allowance import Allowance
from modelyard.http2.frames import ConnectionFault, StreamFault
from modelyard.http2.outgoing import Outgoing
from modelyard.http2.peer_settings import peer_settings
from modelyard.http2.server_limits import ServerLimits
from modelyard.http2.server_stream import ServerStream

_DRAIN_PING = b"drained?"


class Housekeeping:
    """Methods with (flags, stream number, payload) take one frame of the peer's; they raise its fault."""

    def __init__(self, limits: ServerLimits, now: float, on_output: Callable[[], None]) -> None:
        self.limits = limits
        self.outgoing = Outgoing(on_output)
        self.streams: dict[int, ServerStream] = {}
        """Those whose answer is not complete."""
        self.unsent = 0
        """Bytes of answers that wait for the peer's windows."""
        self.ended = False
        """Nothing more is read: write what there is and close."""
        self.greeted = False
        """The peer's SETTINGS came (section 3.4)."""
        self._now = now
        self._last_seen = 0
        """Highest stream that the peer began."""
        self._last_taken = 0
        """Highest that was not refused."""
        self._refusing = False
        """The last GOAWAY was sent: no new streams."""
        self._draining = False
        self._first_window = frames.DEFAULT_WINDOW
        """What a new stream may send, as the peer's SETTINGS say."""
        self._table_size = frames.DEFAULT_TABLE_SIZE
        """Room in the peer's header table, as it was told."""
        self._idle_frames = Allowance(limits.idle_frames, limits.idle_frames_per_second, now)
        self._early_resets = Allowance(limits.early_resets, limits.early_resets_per_second, now)

    # ── what the owner asks ──

    def drain(self) -> None:
        """Ask the peer to begin no more streams here; those that are on their way are still taken (section 6.8): only
        once it answered that it has heard, later ones are refused."""
        if not self._draining and not self.ended:
            self._draining = True
            first = frames.go_away(frames.LARGEST_STREAM, frames.NO_ERROR)
            self.outgoing.add(first + frames.frame(frames.PING, 0, 0, _DRAIN_PING))

    @property
    def draining(self) -> bool:
        """``drain`` was asked for."""
        return self._draining

    @property
    def drained(self) -> bool:
        """``drain`` is complete: no stream is open and none will be."""
        return self._refusing and not self.streams

    def ping(self) -> None:
        """Make a peer that is there say something."""
        self.outgoing.add(frames.frame(frames.PING, 0, 0, b"present?"))

    # ── bounds (section 10.5) ──

    def _spend(self, count: int = 1) -> None:
        if not self._idle_frames.spend(count, self._now):
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM, "too many frames that carry nothing")

    def _spend_reset(self) -> None:
        if not self._early_resets.spend(1, self._now):
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM, "too many streams are reset before they are answered")

    def _check_began(self, number: int, kind: str) -> None:
        """Only HEADERS and PRIORITY may come on an idle stream (section 5.1)."""
        if number > self._last_seen or number % 2 == 0:
            raise ConnectionFault(frames.PROTOCOL_ERROR, f"{kind} of a stream that never began")

    # ── what concerns sending (sections 6.5 and 6.9) ──

    def _window_update(self, flags: int, number: int, payload: bytes) -> None:
        increment = frames.read_long(payload) & 0x7FFFFFFF
        outgoing = self.outgoing
        if outgoing.updates_due:
            outgoing.updates_due -= 1
        else:
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
        self._spend(1 + len(self.streams) // 16)  # each of them may get another window
        chosen = peer_settings(payload)
        if chosen.get(frames.HEADER_TABLE_SIZE, self._table_size) < self._table_size:
            self._table_size = 0  # nothing is ever put into it, so that is always right
            self.outgoing.table_update_due = True
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
