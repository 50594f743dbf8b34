"""One stream of a server's connection: what its owner overrides, and what it sends with.

An owner makes a subclass, so that a stream is one object. States are those of RFC 9113, section 5.1, as two flags:
``peer_done`` (half-closed, remote) and ``over`` (closed, or about to be once what is held is sent).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from modelyard.http2 import frames

if TYPE_CHECKING:
    from modelyard.http2.request_heads import RequestHead
    from modelyard.http2.server_connection import ServerConnection


class ServerStream:
    """A request and its answer."""

    __slots__ = (
        "_held",
        "_pending",
        "_trailers",
        "answered",
        "awaited",
        "connection",
        "number",
        "over",
        "paused",
        "peer_done",
        "receive_window",
        "send_window",
        "unacknowledged",
    )

    def __init__(self, connection: ServerConnection, number: int, send_window: int, receive_window: int) -> None:
        self.connection = connection
        self.number = number
        self.send_window = send_window
        self.receive_window = receive_window
        self.unacknowledged = 0
        """Bytes that were used and that the peer may send anew, but has not been told so."""
        self.awaited = -1
        """Bytes that content-length still promises; below zero: it was not given."""
        self.peer_done = False
        self.over = False
        """Nothing more may be sent."""
        self.answered = False
        """Something was sent."""
        self.paused = False
        self._held: deque[memoryview] | None = None
        """Data that no window was open for."""
        self._trailers: bytes | None = None
        """Block that ends the stream once ``_held`` is sent."""
        self._pending: deque[tuple[bytes, int, bool]] | None = None
        """What came while paused: data, its size in windows, whether it is the last."""

    # ── what the owner overrides; called from ``ServerConnection.receive``, or from ``resume`` and ``take`` ──

    def on_head(self, head: RequestHead, *, end: bool) -> None:
        """The stream began. ``end``: it has no body."""

    def on_data(self, data: bytes, *, end: bool) -> None:
        """Bytes of the body; ``end``: the last, and possibly empty."""

    def on_reset(self) -> None:
        """The stream ended before its answer did: reset by the peer, by a rule, or with its connection."""

    def on_writable(self) -> None:
        """What ``send_data`` said False to has been sent."""

    # ── receiving ──

    def pause(self) -> None:
        """Hold data back; the peer's window closes with it."""
        self.paused = True

    def resume(self) -> None:
        """Go on with what came meanwhile. Not to be called from within ``on_data``."""
        self.paused = False
        while self._pending and not self.paused:
            data, size, end = self._pending.popleft()
            self.connection.consumed(self, size)
            self.on_data(data, end=end)

    def arrived(self, data: bytes, size: int, *, end: bool) -> None:
        """Deliver data now or after ``resume``. ``size``: what it took of the windows."""
        if self.paused or self._pending:
            self._keep(data, size, end=end)
            return
        self.connection.consumed(self, size)
        self.on_data(data, end=end)

    def _keep(self, data: bytes, size: int, *, end: bool) -> None:
        pending = self._pending
        if pending is None:
            pending = self._pending = deque()
        if pending and len(pending[-1][0]) + len(data) <= frames.LITTLE:
            before, held, _ = pending.pop()
            data, size = before + data, held + size
        pending.append((data, size, end))

    def drop_pending(self) -> None:
        """Nobody will use what came while paused: other streams may have its part of the connection's window."""
        pending, self._pending = self._pending, None
        for _, size, _ in pending or ():
            self.connection.consumed(self, size)

    def drop_held(self) -> None:
        """Nobody will take what was to be sent."""
        held, self._held = self._held, None
        self.connection.unsent -= sum(map(len, held or ()))

    # ── sending ──

    def send_headers(self, block: bytes) -> None:
        """The head of an answer that has a body."""
        if not self.over:
            self.answered = True
            self.connection.outgoing.add_headers(self.number, 0, block)

    def send_data(self, data: bytes) -> bool:
        """Body bytes. False: they wait for the peer; ``on_writable`` tells when they are gone."""
        if self.over or not data:
            return True
        outgoing = self.connection.outgoing
        size = len(data)
        if self._held is None:
            if size <= self.send_window and size <= outgoing.room():
                self.send_window -= size
                outgoing.add_data(self.number, data)
                return True
            self._held = deque()
        self._held.append(memoryview(data))
        self.connection.unsent += size
        while self._held and self._send_piece():
            pass
        if self._held:
            return False
        self._held = None
        return True

    def end(self, block: bytes) -> None:
        """The last block: trailers, or an answer without a body. It follows what is held."""
        if self.over:
            return
        self.over = True
        self.answered = True
        self._trailers = block
        if self._held is None:
            self._finish()

    def reset(self, code: int) -> None:
        """Give the stream up; ``on_reset`` is not called."""
        self.over = True
        self.connection.end_stream(self, code)

    def grow_window(self, increment: int) -> None:
        """The peer takes more (or, after SETTINGS, less)."""
        self.send_window += increment
        if self._held is not None and self.send_window > 0:
            self.connection.outgoing.enqueue(self)

    def send_waiting(self) -> None:
        """Its turn came: send one frame of what is held."""
        if not self._held or not self._send_piece():
            return
        if self._held:
            self.connection.outgoing.enqueue(self)
            return
        self._held = None
        if self._trailers is not None:
            self._finish()
        else:
            self.on_writable()

    def _send_piece(self) -> bool:
        """Send one frame of what is held; False: it must wait, for its turn or for its own window."""
        held = self._held
        assert held
        outgoing = self.connection.outgoing
        data = held[0]
        size = min(len(data), self.send_window, outgoing.room())
        if size <= 0:
            if self.send_window > 0:
                outgoing.enqueue(self)
            return False
        self.send_window -= size
        self.connection.unsent -= size
        outgoing.add_data(self.number, data[:size])
        if size < len(data):
            held[0] = data[size:]
        else:
            held.popleft()
        return True

    def _finish(self) -> None:
        assert self._trailers is not None
        self.connection.outgoing.add_headers(self.number, frames.END_STREAM, self._trailers)
        self.connection.end_stream(self, None)
