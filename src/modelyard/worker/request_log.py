"""The access log of one worker, which may be told another place for it: a worker outlives the control process that
started it, and the next one may want it elsewhere."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from modelyard.telemetry.access_log import AccessLog
from modelyard.worker.log_file import STANDARD_OUTPUT, LogFile, open_log
from modelyard.worker.log_stream import LogStream

log = logging.getLogger(__name__)


def absolute(path: str) -> str:
    """``path`` as another process finds it; standard output and no log at all stay what they are."""
    return path if path in ("", STANDARD_OUTPUT) else str(Path(path).absolute())


class RequestLog:
    """``lines`` is what records go to; None: there is no log."""

    def __init__(self, path: str) -> None:
        """``path``: a file, ``-`` for standard output, empty for none. Raises ``OSError`` where it cannot be opened."""
        self._path = ""
        self._file: LogFile | LogStream | None = None
        self.lines: AccessLog | None = None
        self._open(absolute(path))

    def move(self, path: str) -> None:
        """Write to ``path`` from now on. Standard output is that of whoever started this process, so it is kept to, and
        not moved to. What cannot be opened is told, and changes nothing."""
        if path in (self._path, STANDARD_OUTPUT):
            return
        old, lines = self._file, self.lines
        try:
            self._open(path)
        except OSError as problem:
            log.error("the access log stays where it is: %s: %s", path, problem.strerror)
            return
        if lines is not None:
            lines.flush()
        if old is not None:
            old.close()

    def flush(self) -> None:
        """Write what was recorded."""
        if self.lines is not None:
            self.lines.flush()

    def close(self) -> None:
        """The end; what was not flushed is lost."""
        if self._file is not None:
            self._file.close()

    def _open(self, path: str) -> None:
        file = open_log(path) if path else None
        self._path, self._file = path, file
        self.lines = AccessLog(file.write, time.time) if file is not None else None
