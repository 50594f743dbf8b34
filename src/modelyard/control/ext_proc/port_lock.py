"""The lock that keeps a port to one control process, and its removal."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import IO


class AlreadyRunning(RuntimeError):
    """Another process of the same kind serves this port; the message says so."""


class PortLock:
    """Held by the kernel for this process, however that ends. The file names the process."""

    def __init__(self, path: Path) -> None:
        """Raises ``BlockingIOError`` where another process holds it, and ``OSError`` where no file can be made."""
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _locked(path)
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def remove(self) -> None:
        """Give the lock back, and the file with it. Whoever has opened the file meanwhile finds that it is gone once
        it gets the lock, and makes another."""
        with contextlib.suppress(OSError):
            self._path.unlink()
        self._file.close()


def holder(path: Path) -> int | None:
    """The process that holds the lock, 0 where it is not known; None: nobody does."""
    try:
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = file.read()
                return int(text) if text.isdecimal() else 0
    except OSError:
        pass
    return None


def _locked(path: Path) -> IO[str]:
    while True:
        file = path.open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return file
        except FileNotFoundError:
            pass
        except BaseException:
            file.close()
            raise
        file.close()  # of a process that has just ended: its file is gone
