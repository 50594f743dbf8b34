"""What a simulated server received: the last requests, for tests that check what reached the backend."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec


class ReceivedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it came off the wire."""

    number: int
    """Counts the server's requests from 1."""
    at: float
    """Unix time when its body was complete, seconds."""
    endpoint: str
    """``host:port`` that received it."""
    method: str
    path: str
    """Path as sent, percent-encoding included, without the query."""
    query: str
    version: str
    """``1.0`` or ``1.1``."""
    headers: tuple[tuple[str, str], ...]
    """Names and values in the order and spelling of the wire, repeated ones included."""
    body_length: int
    body_sha256: str
    body: str | None
    """The body as text, where it is short enough and UTF-8."""

    def header(self, name: str) -> str | None:
        """The first value of a header, by any spelling of its name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class RequestLog:
    """The last ``limit`` requests, oldest first."""

    def __init__(self, limit: int) -> None:
        self.total = 0
        """Requests received since the start."""
        self._kept: deque[ReceivedRequest] = deque(maxlen=limit)

    @property
    def keeps(self) -> bool:
        return self._kept.maxlen != 0

    def add(self, request: ReceivedRequest) -> None:
        self._kept.append(request)

    def last(self, limit: int | None = None) -> Sequence[ReceivedRequest]:
        """The last ``limit`` kept requests, oldest first; None: all that are kept."""
        kept = list(self._kept)
        return kept if limit is None else kept[max(0, len(kept) - limit) :]

    def clear(self) -> None:
        self._kept.clear()
