"""A file that lines are appended to, whatever happens to it meanwhile."""

from __future__ import annotations

import logging
import os

from modelyard.worker.log_stream import LogStream

log = logging.getLogger(__name__)

STANDARD_OUTPUT = "-"


def open_log(path: str) -> LogFile | LogStream:
    """``path``: a file, or ``-`` for standard output. Raises ``OSError`` where it cannot be opened."""
    return LogStream(1) if path == STANDARD_OUTPUT else LogFile(path)


class LogFile:
    """Lines in batches. Renamed or removed (log rotation), the file is made anew; when it cannot be written to (a full
    disk), lines are lost and requests go on."""

    def __init__(self, path: str) -> None:
        """Raises ``OSError`` where ``path`` cannot be opened."""
        self._path = path
        self._cut = False
        """The last line may be there in part."""
        self._descriptor = _open(path)

    def write(self, lines: bytes) -> None:
        """Append whole lines."""
        try:
            self._follow()
            self._append(b"\n" + lines if self._cut else lines)
        except OSError as problem:
            if not self._cut:
                log.error("%s cannot be written to (%s): lines are lost until it can", self._path, problem.strerror)
            self._cut = True
        else:
            self._cut = False

    def close(self) -> None:
        os.close(self._descriptor)

    def _append(self, data: bytes) -> None:
        written = 0
        while written < len(data):
            written += os.write(self._descriptor, data[written:])

    def _follow(self) -> None:
        """Open the file again where another one, or none, has its name now."""
        try:
            there = os.stat(self._path)
        except FileNotFoundError:
            there = None
        if there is None or not os.path.samestat(there, os.fstat(self._descriptor)):
            old, self._descriptor = self._descriptor, _open(self._path)
            os.close(old)


def _open(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
