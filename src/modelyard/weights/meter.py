"""What the threads of a fetch tell the one that reports."""

from __future__ import annotations

from threading import Event, Lock


class Meter:
    """Bytes here, and the wish to stop."""

    def __init__(self, done: int) -> None:
        self._lock = Lock()
        self._done = done
        self._in_work: dict[str, None] = {}
        self._stop = Event()
        self.note = ""
        """What went wrong lately, for people."""

    def add(self, count: int) -> None:
        """So many bytes more; fewer when they turned out to be wrong."""
        with self._lock:
            self._done += count

    def begin(self, name: str) -> None:
        with self._lock:
            self._in_work[name] = None

    def end(self, name: str) -> None:
        with self._lock:
            self._in_work.pop(name, None)

    @property
    def done(self) -> int:
        return self._done

    @property
    def file(self) -> str:
        """One of the files in work; empty: none is."""
        with self._lock:
            return next(iter(self._in_work), "")

    def stop(self) -> None:
        """All threads shall end soon."""
        self._stop.set()

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def pause(self, seconds: float) -> bool:
        """Wait; false when all shall end."""
        return not self._stop.wait(seconds)
