"""Standard output as a log: its reader may be slow or stuck, and no request waits for it."""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections import deque

log = logging.getLogger(__name__)

MOST_WAITING = 8 * 1024 * 1024
"""Bytes of lines that wait for the reader; above it new ones are dropped. Some ten thousand lines."""
TELL_EVERY = 60.0
"""Seconds between two words about lines that were dropped."""
LAST_WAIT = 1.0
"""Seconds that the lines still waiting get when the log is closed."""


class LogStream:
    """Lines in batches, written by a thread of its own."""

    def __init__(self, descriptor: int) -> None:
        """``descriptor``: where to write; it is duplicated. Raises ``OSError`` where it is not open."""
        self._descriptor = os.dup(descriptor)
        self._waiting: deque[bytes] = deque()
        self._size = 0
        """Bytes waiting, with those being written."""
        self._dropped = 0
        """Lines lost since that was last told."""
        self._told = -TELL_EVERY
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="log stream", daemon=True)
        self._thread.start()

    def write(self, lines: bytes) -> None:
        """Append whole lines, or drop them all where too much waits already. Never blocks on the reader."""
        with self._changed:
            if self._size and self._size + len(lines) > MOST_WAITING:
                self._dropped += lines.count(b"\n")
            else:
                self._waiting.append(lines)
                self._size += len(lines)
                self._changed.notify()
            dropped = self._take_dropped()
        if dropped:
            log.error("standard output is not read fast enough: %d access log lines were dropped", dropped)

    def close(self) -> None:
        """Write what waits, unless the reader is stuck."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(LAST_WAIT)

    def _take_dropped(self) -> int:
        """How many lines to tell about now."""
        now = time.monotonic()
        if not self._dropped or now - self._told < TELL_EVERY:
            return 0
        self._told = now
        dropped, self._dropped = self._dropped, 0
        return dropped

    def _run(self) -> None:
        while (lines := self._next()) is not None:
            try:
                _write_all(self._descriptor, lines)
            except OSError:  # nobody reads any more
                lost = lines.count(b"\n")
            else:
                lost = 0
            with self._changed:
                self._size -= len(lines)
                self._dropped += lost
        os.close(self._descriptor)

    def _next(self) -> bytes | None:
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            return self._waiting.popleft() if self._waiting else None


def _write_all(descriptor: int, data: bytes) -> None:
    """Raises ``OSError``. A descriptor that is shared with others may have been made non-blocking by them."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            select.select((), (descriptor,), ())
