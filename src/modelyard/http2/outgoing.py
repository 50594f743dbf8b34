"""What one connection is to write: frames in order, and the streams whose data waits for a window.

Control frames and headers go out at once; DATA obeys the connection's window (RFC 9113, section 5.2) and the
transport. Streams that wait take turns, a frame each, so that a large answer delays no small one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from modelyard.http2 import frames
from modelyard.http2.header_blocks import EMPTY_TABLE

if TYPE_CHECKING:
    from modelyard.http2.server_stream import ServerStream

_MOST_UPDATES = 1000
TURN = 256 << 10
"""Bytes of DATA that are handed to the transport before it is asked whether it takes more."""


class Outgoing:
    """Frames of one connection. ``take`` gives what is to be written."""

    __slots__ = (
        "_blocked",
        "_on_output",
        "_parts",
        "_quiet",
        "_size",
        "_waiting",
        "frame_size",
        "table_update_due",
        "updates_due",
        "window",
    )

    def __init__(self, on_output: Callable[[], None]) -> None:
        """``on_output``: called when there is something to take and there was nothing before."""
        self.window = frames.DEFAULT_WINDOW
        """Bytes of DATA that the peer takes of the whole connection."""
        self.frame_size = frames.DEFAULT_FRAME_SIZE
        """Longest payload that the peer takes."""
        self.updates_due = 0
        """WINDOW_UPDATEs that the DATA sent so far may be answered with: for its stream, and for the connection."""
        self.table_update_due = False
        """The peer made its header table smaller, which the next block must acknowledge (RFC 7541, section 4.2)."""
        self._on_output = on_output
        self._parts: list[bytes | memoryview] = []
        self._size = 0
        self._waiting: OrderedDict[ServerStream, None] = OrderedDict()
        self._blocked = False
        self._quiet = False

    def add_headers(self, stream: int, flags: int, block: bytes) -> None:
        """A HEADERS frame of a whole block (see ``header_blocks.constant_block``)."""
        if self.table_update_due:
            self.table_update_due = False
            block = EMPTY_TABLE + block
        self.add(frames.frame(frames.HEADERS, flags | frames.END_HEADERS, stream, block))

    def add(self, frame: bytes) -> None:
        """A whole frame that no window holds back."""
        parts = self._parts
        if not parts and not self._quiet:
            self._on_output()
        parts.append(frame)

    def room(self) -> int:
        """Bytes that one DATA frame may have now."""
        if self._blocked or self._size >= TURN:
            return 0
        return self.frame_size if self.frame_size < self.window else self.window

    def add_data(self, stream: int, data: bytes | memoryview) -> None:
        """A DATA frame, for which there is ``room``."""
        size = len(data)
        if self.updates_due < _MOST_UPDATES:
            self.updates_due += 2
        self.window -= size
        self._size += size
        self.add(frames.frame_head(frames.DATA, 0, stream, size))
        self._parts.append(data)

    def enqueue(self, stream: ServerStream) -> None:
        """A stream has data that its own window lets go: it waits for the connection's."""
        self._waiting[stream] = None

    def dequeue(self, stream: ServerStream) -> None:
        """The stream is over."""
        self._waiting.pop(stream, None)

    def pump(self) -> None:
        """Let waiting streams go on as far as windows and transport allow."""
        waiting = self._waiting
        while waiting and self.room() > 0:
            waiting.popitem(last=False)[0].send_waiting()

    def block(self) -> None:
        """The transport takes no more for now."""
        self._blocked = True

    def unblock(self) -> None:
        self._blocked = False
        self.pump()

    def take(self) -> bytes:
        """What is to be written now; empty: nothing. To be called until it is."""
        parts = self._parts
        if not parts and self._waiting:
            self._quiet = True  # whoever takes needs no call
            self.pump()
            self._quiet = False
        if not parts:
            return b""
        data = b"".join(parts)
        parts.clear()
        self._size = 0
        return data
