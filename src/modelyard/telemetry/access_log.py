"""The access log: one JSON object a line, never a prompt, an answer or a key (design, section 7; threat 17)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from modelyard.exchange.record import ExchangeRecord


class AccessLine(msgspec.Struct, omit_defaults=True, gc=False):
    """One line. Times in seconds, sizes in bytes; JSON escapes control characters, so a line is always one event."""

    time: float
    """Unix time of the end of the exchange."""
    method: str
    """Request method."""
    path: str
    """Request path without the query, at most 512 characters."""
    status: int
    """Status sent to the client; 0: the client went away before any."""
    duration: float
    """From the request head to the last byte of the answer."""
    listener: str = ""
    """``namespace/gateway:port``."""
    route: str = ""
    """HTTPRoute that was matched; ``models``: the list of models."""
    backend: str = ""
    """Chosen backend."""
    endpoint: str = ""
    """Endpoint that was tried last."""
    model: str = ""
    """Model that the client asked for."""
    target_model: str = ""
    """Model that the engine was asked for."""
    reason: str = ""
    """Why Modelyard answered itself, or why the answer was cut; empty: the endpoint's own answer went through."""
    first_byte: float = 0.0
    """From the request head to the first byte of the answer; 0: none came from an endpoint."""
    queued: float = 0.0
    """Time spent waiting, for admission or for an adapter to be loaded."""
    attempts: int = 1
    """Endpoints tried."""
    request_bytes: int = 0
    """Body of the request."""
    response_bytes: int = 0
    """Body of the answer."""
    input_tokens: int = 0
    """Prompt tokens, as the engine reported them."""
    output_tokens: int = 0
    """Generated tokens, as the engine reported them."""
    cached_tokens: int = 0
    """Prompt tokens that the engine found in its prefix cache."""
    stream: bool = False
    """The client asked for server-sent events."""
    priority: int = 0
    """Of the request: InferenceObjective or criticality."""
    request_id: str = ""
    """``x-request-id`` that the endpoint got, at most 128 characters."""
    load_wait: float = 0.0
    """The part of ``queued`` that was spent waiting for a LoRA adapter to be loaded."""


_PATH_LIMIT = 512
_ID_LIMIT = 128


_TOGETHER = 64


class AccessLog:
    """Collects records, makes lines of them some at a time (see ``RequestMetrics``), and hands these to ``write`` in
    batches; ``flush`` is called by the worker's coarse timer."""

    __slots__ = ("_clock", "_encode", "_ends", "_lines", "_pending", "_write")

    def __init__(self, write: Callable[[bytes], object], wall_clock: Callable[[], float]) -> None:
        self._write = write
        self._clock = wall_clock
        self._encode = msgspec.json.Encoder().encode
        self._pending: list[ExchangeRecord] = []
        self._ends: list[float] = []
        self._lines: list[bytes] = []

    def record(self, record: ExchangeRecord) -> None:
        """Add one line for an exchange that just ended, which nobody changes any more."""
        self._ends.append(self._clock())
        pending = self._pending
        pending.append(record)
        if len(pending) >= _TOGETHER:
            self._make_lines()

    def _make_lines(self) -> None:
        add, encode = self._lines.append, self._encode
        for record, end in zip(self._pending, self._ends, strict=True):
            add(encode(_line(record, end)))
        self._pending.clear()
        self._ends.clear()

    def flush(self) -> None:
        """Write what was collected."""
        self._make_lines()
        if self._lines:
            lines, self._lines = self._lines, []
            lines.append(b"")
            self._write(b"\n".join(lines))


def _line(record: ExchangeRecord, end: float) -> AccessLine:
    return AccessLine(
        int(end * 1e3) / 1e3,
        record.method,
        record.path if len(record.path) <= _PATH_LIMIT else record.path[:_PATH_LIMIT],
        record.status,
        _micros(record.duration),
        record.listener,
        record.route,
        record.backend,
        record.endpoint,
        record.model,
        record.target_model,
        record.reason,
        _micros(record.time_to_first_byte),
        _micros(record.queued) if record.queued else 0.0,
        record.attempts,
        record.request_bytes,
        record.response_bytes,
        record.input_tokens,
        record.output_tokens,
        record.cached_tokens,
        record.stream,
        record.priority,
        record.request_id[:_ID_LIMIT],
        _micros(record.load_wait) if record.load_wait else 0.0,
    )


def _micros(seconds: float) -> float:
    """Without what is below a microsecond; a third of what ``round`` costs."""
    return int(seconds * 1e6) / 1e6
