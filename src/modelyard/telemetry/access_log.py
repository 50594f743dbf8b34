"""The access log: one JSON object a line, never a prompt, an answer or a key (design, section 7; threat 17)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from modelyard.exchange.record import ExchangeRecord


class AccessLine(msgspec.Struct, omit_defaults=True):
    """One line. Times in seconds, sizes in bytes; JSON escapes control characters, so a line is always one event."""

    time: float
    """Unix time of the end of the exchange."""
    method: str
    path: str
    status: int
    duration: float
    listener: str = ""
    route: str = ""
    backend: str = ""
    endpoint: str = ""
    model: str = ""
    target_model: str = ""
    reason: str = ""
    first_byte: float = 0.0
    queued: float = 0.0
    attempts: int = 1
    request_bytes: int = 0
    response_bytes: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    stream: bool = False
    priority: int = 0


_PATH_LIMIT = 512


class AccessLog:
    """Collects lines and hands them to ``write`` in batches; ``flush`` is called by the worker's coarse timer."""

    __slots__ = ("_clock", "_encode", "_lines", "_write")

    def __init__(self, write: Callable[[bytes], object], wall_clock: Callable[[], float]) -> None:
        self._write = write
        self._clock = wall_clock
        self._encode = msgspec.json.Encoder().encode
        self._lines: list[bytes] = []

    def record(self, record: ExchangeRecord) -> None:
        """Add one line."""
        line = AccessLine(
            round(self._clock(), 3),
            record.method,
            record.path if len(record.path) <= _PATH_LIMIT else record.path[:_PATH_LIMIT],
            record.status,
            round(record.duration, 6),
            record.listener,
            record.route,
            record.backend,
            record.endpoint,
            record.model,
            record.target_model,
            record.reason,
            round(record.time_to_first_byte, 6),
            round(record.queued, 6),
            record.attempts,
            record.request_bytes,
            record.response_bytes,
            record.input_tokens,
            record.output_tokens,
            record.cached_tokens,
            record.stream,
            record.priority,
        )
        self._lines.append(self._encode(line))

    def flush(self) -> None:
        """Write what was collected."""
        if self._lines:
            lines, self._lines = self._lines, []
            lines.append(b"")
            self._write(b"\n".join(lines))
