"""The file that says where a running yard can be reached, ``<home>/yard.json``, and the lock that keeps it to one."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from modelyard.local.home import Home


class YardFile(msgspec.Struct, frozen=True, kw_only=True):
    """Written when the yard serves, removed when it ends; a stale one is recognised by its process id."""

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
    with (home.root / "yard.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = read_yard_file(home)
            which = f" (process {other.pid})" if other is not None else ""
            raise HomeInUse(f"another yard{which} runs in {home.root}") from None
        yield


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
