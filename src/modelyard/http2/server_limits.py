"""What one HTTP/2 connection may ask of the server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """Bounds of a connection; sizes are bytes. Each is announced where HTTP/2 has a setting for it."""

    max_streams: int = 4096
    """Streams at a time. A stream may last as long as a model's answer, and a proxy sends all of its requests over
    one or a few connections."""
    max_header_list: int = 64 << 10
    """One request's header list (RFC 9113, section 6.5.2), and the block that it comes in."""
    max_continuations: int = 16
    """Frames that a header block may be continued in: a full one in frames of the smallest legal limit needs four."""
    max_frame: int = 128 << 10
    """Payload of one frame: a chunk of 64 KiB with its envelope comes in one."""
    stream_window: int = 256 << 10
    """Body bytes of one stream that may be under way or held for a handler that paused."""
    connection_window: int = 32 << 20
    """The same for all streams of a connection: this bounds its memory, and leaves room for 128 paused streams before
    they hold up the others."""
    max_unsent: int = 256 << 20
    """Bytes of answers that wait for the peer's windows, of all streams: one who asks without end and opens no window
    is cut."""
    idle_frames: int = 10_000
    """Frames that carry nothing (PING, SETTINGS, PRIORITY, empty DATA, WINDOW_UPDATE…) that may come at once beyond one
    for each that carries something."""
    idle_frames_per_second: float = 1_000.0
    """How fast that allowance comes back."""
    early_resets: int = 10_000
    """Streams that may be reset unanswered at once, beyond one for each that was answered (rapid reset,
    CVE-2023-44487). More than twice ``max_streams``: all clients of a proxy may leave at one moment while they wait,
    and come back."""
    early_resets_per_second: float = 1_000.0
    """How fast that allowance comes back: what an attacker may go on with costs a few per cent of a core."""
