"""Header blocks put together from HEADERS and CONTINUATION frames (RFC 9113, sections 4.3, 6.2 and 6.10)."""

from __future__ import annotations

from modelyard.http2 import frames
from modelyard.http2.frames import ConnectionFault
from modelyard.http2.server_limits import ServerLimits


class HeaderAssembly:
    """One connection's block that is coming in; there can be one at a time.

    Bounds: the bytes of a block, and the frames that it comes in (a flood of CONTINUATION frames without end would
    otherwise never be looked at, CVE-2024-27316).
    """

    __slots__ = ("_frames", "_limits", "_parts", "_size", "flags", "stream")

    def __init__(self, limits: ServerLimits) -> None:
        self._limits = limits
        self.stream = 0
        """Stream whose block is incomplete: nothing but its CONTINUATION may come. 0: none."""
        self.flags = 0
        """Those of the block's HEADERS frame."""
        self._parts: list[bytes] = []
        self._size = 0
        self._frames = 0

    def begin(self, flags: int, stream: int, payload: bytes) -> bytes | None:
        """A HEADERS frame: the whole block, or None if it goes on. Raises ConnectionFault."""
        part = frames.unpadded(flags, payload, priority=True)
        self.flags = flags
        self._frames = 0
        self._size = 0
        return self._add(flags, stream, part)

    def go_on(self, flags: int, stream: int, payload: bytes) -> bytes | None:
        """A CONTINUATION frame; the same. Raises ConnectionFault."""
        if not self.stream:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "CONTINUATION of nothing")
        self._frames += 1
        if self._frames > self._limits.max_continuations:
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM, "the header block comes in too many frames")
        return self._add(flags, stream, payload)

    def _add(self, flags: int, stream: int, part: bytes) -> bytes | None:
        self._size += len(part)
        if self._size > self._limits.max_header_list:
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM, "the header block is too large")
        if flags & frames.END_HEADERS:
            self.stream = 0
            if not self._parts:
                return part
            block = b"".join((*self._parts, part))
            self._parts.clear()
            return block
        self.stream = stream
        self._parts.append(part)
        return None
