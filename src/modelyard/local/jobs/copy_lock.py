"""One copy into a folder at a time, also among processes. The kernel gives a dead one's lock back."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_POLL_SECONDS = 0.1
LONGEST_WAIT = 24 * 3600.0
"""Seconds; as for a fetch of weights. A Job's own deadline comes first where it has one."""


class StillHeld(OSError):
    """Another copy holds the lock for longer than anybody waits."""


@contextlib.contextmanager
def only_copier(lock: Path, waiting: Callable[[str], None], seconds: float = LONGEST_WAIT) -> Iterator[None]:
    """Hold this lock. Until it is free ``waiting`` hears, ten times a second, who holds it; what it raises ends the
    wait. The file stays: whoever removed it would let two copies in. Raises :class:`StillHeld`, for people."""
    end = time.monotonic() + seconds
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _taken(descriptor):
            if time.monotonic() >= end:
                raise StillHeld(f"{_holder(descriptor)} still holds {lock} after {seconds:g} s; end it, or wait for it")
            waiting(_holder(descriptor))
            time.sleep(_POLL_SECONDS)
        _write(descriptor, str(os.getpid()))
        try:
            yield
        finally:
            _write(descriptor, "")
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(descriptor: int, text: str) -> None:
    with contextlib.suppress(OSError):  # a full disk must not keep the copy from saying so itself
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)


def _holder(descriptor: int) -> str:
    written = os.pread(descriptor, 20, 0).decode("ascii", "replace")
    return f"process {written}" if written.isdigit() else "another process"
