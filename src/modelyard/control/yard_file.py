"""The file that says where a running yard can be reached, ``<home>/yard.json``, and the lock that keeps it to one."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from modelyard.local.home import Home

_LOOK_SECONDS = 0.2
"""Others hold the lock for moments only, to see whether it is free (``in_use``)."""


class YardFile(msgspec.Struct, frozen=True, kw_only=True):
    """Written when the yard serves, removed when it ends; a stale one is recognised by the lock that nobody holds."""

    pid: int
    admin_url: str
    addresses: tuple[str, ...] = ()
    """``http://host:port`` of each Gateway."""
    started: float = 0.0
    """Unix time."""
    version: str = ""


class HomeInUse(RuntimeError):
    """Another yard runs in this home; the message says which."""


@contextmanager
def only_yard(home: Home) -> Iterator[None]:
    """Keep the home to one yard: a second would overwrite the first one's files. The kernel gives the lock back when
    the process ends, however it ends. Raises :class:`HomeInUse`."""
    home.root.mkdir(parents=True, exist_ok=True)
    with _lock_path(home).open("a") as lock:
        if not _locked(lock, fcntl.LOCK_EX, _LOOK_SECONDS):
            other = read_yard_file(home)
            which = f" (process {other.pid})" if other is not None else ""
            raise HomeInUse(f"another yard{which} runs in {home.root}")
        yield


def in_use(home: Home) -> bool:
    """Whether a yard runs in this home. Unlike a look at its process id, this is not fooled by another process that has
    got the id since, nor by a dead one that its parent has not collected yet."""
    try:
        with _lock_path(home).open() as lock:
            return not _locked(lock, fcntl.LOCK_SH, 0.0)
    except FileNotFoundError:
        return False


def _locked(lock: IO[str], kind: int, seconds: float) -> bool:
    """Take the lock, within so many seconds."""
    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(_LOOK_SECONDS / 10)
        else:
            return True


def _lock_path(home: Home) -> Path:
    return home.root / "yard.lock"


def yard_path(home: Home) -> Path:
    """Where the file is."""
    return home.root / "yard.json"


def write_yard_file(home: Home, content: YardFile) -> None:
    """Write it in one step (readers see the old or the new one)."""
    home.root.mkdir(parents=True, exist_ok=True)
    path = yard_path(home)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(content)))
    draft.replace(path)


def read_yard_file(home: Home) -> YardFile | None:
    """The file's content; None where there is none or it cannot be read."""
    try:
        return msgspec.json.decode(yard_path(home).read_bytes(), type=YardFile)
    except (OSError, msgspec.DecodeError):
        return None


def remove_yard_file(home: Home) -> None:
    """Remove this process's own file."""
    found = read_yard_file(home)
    if found is not None and found.pid == os.getpid():
        yard_path(home).unlink(missing_ok=True)
