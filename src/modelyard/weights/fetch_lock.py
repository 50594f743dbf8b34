"""One fetcher per folder. The kernel gives a dead one's lock back."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from modelyard.weights.errors import WeightsError

_POLL_SECONDS = 0.1


@contextmanager
def only_fetcher(lock: Path, seconds: float, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold this lock; ``waiting`` hears who holds it, again and again, until it is free. The file stays: whoever
    removed it would let two fetchers in. Raises :class:`WeightsError` after so many seconds."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + seconds
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        while not _taken(descriptor, lock):
            holder = _holder(descriptor)
            if time.monotonic() >= end:
                raise WeightsError(f"{holder} still holds {lock} after {seconds:g} s; end it, or wait for it")
            waiting(holder)
            time.sleep(_POLL_SECONDS)
        with contextlib.suppress(OSError):  # a full disk must not keep the fetch from saying so itself
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def is_held(lock: Path) -> bool:
    """Whether somebody fetches there now."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        return not _taken(descriptor, lock)
    finally:
        os.close(descriptor)


def _taken(descriptor: int, lock: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as problem:
        raise WeightsError(
            f"{lock} cannot be locked ({problem.strerror}): set MODELYARD_WEIGHTS to a folder on a local disk"
        ) from None
    return True


def _holder(descriptor: int) -> str:
    written = os.pread(descriptor, 20, 0).decode("ascii", "replace")
    return f"process {written}" if written.isdigit() else "another process"
