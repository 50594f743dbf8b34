"""SETTINGS of the peer, read and checked (RFC 9113, section 6.5)."""

from __future__ import annotations

from modelyard.http2 import frames
from modelyard.http2.frames import ConnectionFault

MOST = 32
"""Settings of one frame; there are about ten in use."""


def peer_settings(payload: bytes) -> dict[int, int]:
    """Values by identifier; of one that comes twice the last. Raises ConnectionFault."""
    values = frames.read_settings(payload)
    if len(values) > MOST:
        raise ConnectionFault(frames.ENHANCE_YOUR_CALM, "too many SETTINGS")
    for name, value in values:
        _check(name, value)
    return dict(values)


def _check(name: int, value: int) -> None:
    """Section 6.5.2. Unknown ones mean nothing."""
    if name == frames.INITIAL_WINDOW_SIZE and value > frames.LARGEST_WINDOW:
        raise ConnectionFault(frames.FLOW_CONTROL_ERROR, "a window above 2^31-1")
    if name == frames.MAX_FRAME_SIZE and not frames.DEFAULT_FRAME_SIZE <= value <= frames.LARGEST_FRAME_SIZE:
        raise ConnectionFault(frames.PROTOCOL_ERROR, "a frame size out of range")
    if name == frames.ENABLE_PUSH and value > 1:
        raise ConnectionFault(frames.PROTOCOL_ERROR, "ENABLE_PUSH is neither 0 nor 1")
