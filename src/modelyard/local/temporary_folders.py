"""Where engines keep their temporary files: each has a folder of its own, short enough for sockets, which goes when
the engine goes.

Its path follows from the engine's own directory, so that the next yard of a home finds what a killed one has left.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from pathlib import Path

_ATTEMPTS = 5
"""The outer folder may be removed, since it is empty, just before the inner one is made."""


def temporary_folder(directory: str, longest: int, name: str = "tmp") -> str:
    """The temporary folder of what works in ``directory``: ``name`` inside it where that has at most ``longest`` bytes,
    else below ``temporary_root``. A Unix socket's path holds 107 bytes."""
    inside = f"{directory}/{name}"
    if len(os.fsencode(inside)) <= longest:
        return inside
    outer, _, own = directory.rpartition("/")
    return f"{temporary_root(outer)}/{_digest(own, 4)}"


def temporary_root(outer: str) -> str:
    """Of everything whose directories lie in ``outer`` and are too long."""
    return f"/tmp/modelyard-{os.getuid()}-{_digest(outer, 5)}"  # noqa: S108 - mode 0700, and its owner is checked


def make_temporary_folder(folder: str) -> None:
    """Make it, empty, for this user only. Raises OSError, for people."""
    shutil.rmtree(folder, ignore_errors=True)
    outer = os.path.dirname(folder)
    for attempt in range(_ATTEMPTS):
        try:
            make_private_folder(outer)
            return make_private_folder(folder)
        except FileNotFoundError:
            if attempt == _ATTEMPTS - 1:
                raise


def remove_temporary_folder(folder: str) -> None:
    """Remove it, and what is above it where nothing else is there and it is a ``temporary_root``."""
    shutil.rmtree(folder, ignore_errors=True)
    outer = os.path.dirname(folder)
    if os.path.dirname(outer) == "/tmp":  # noqa: S108 - as above
        with contextlib.suppress(OSError):
            os.rmdir(outer)


def make_private_folder(folder: str) -> None:
    """Make it for this user only, where it is not there. Raises OSError, for people."""
    Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    found = os.lstat(folder)
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):
        raise OSError(f"{folder} is not this user's own folder; remove it")


def _digest(text: str, size: int) -> str:
    return hashlib.blake2b(os.fsencode(text), digest_size=size).hexdigest()
