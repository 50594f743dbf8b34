"""Whether there is room."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from modelyard.weights.errors import NotEnoughSpace
from modelyard.weights.progress import readable_size

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_ELSEWHERE = "set MODELYARD_WEIGHTS to a folder on another disk"


def free_bytes(folder: Path) -> int:
    """What this user may still write there."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def check_room(folder: Path, needed: int, keep_free: int, source: str) -> None:
    """Raises :class:`NotEnoughSpace` where so many bytes more would leave less than ``keep_free``."""
    free = free_bytes(folder)
    if needed and free - needed < keep_free:
        missing = readable_size(needed + keep_free - free)
        raise NotEnoughSpace(
            f"{source} needs {readable_size(needed)} more in {folder}, where {readable_size(free)} are free and "
            f"{readable_size(keep_free)} are kept free: free {missing} (modelyard weights ls, rm), or {_ELSEWHERE}"
        )


def check_still_room(folder: Path, keep_free: int, source: str) -> None:
    """Raises :class:`NotEnoughSpace` where others have filled the disk meanwhile."""
    if free_bytes(folder) < keep_free:
        raise filled(folder, source)


def link_to_nowhere(folder: Path, otherwise: str = f", or {_ELSEWHERE}") -> str:
    """What to do about a folder that is, or lies below, a link whose disk is not mounted; empty: it is none."""
    for part in (*reversed(folder.parents), folder):
        if part.is_symlink() and not part.exists():
            return f"{part} is a link to {part.readlink()}, which is not there: make or mount that folder{otherwise}"
    return ""


def is_full(problem: OSError) -> bool:
    """Whether this is what a full disk, a quota or a limit on file sizes answers."""
    return problem.errno in _FULL


def filled(folder: Path, source: str) -> NotEnoughSpace:
    """The disk has filled in the middle."""
    return NotEnoughSpace(
        f"the disk of {folder} has filled while {source} was fetched; what has come is kept: free space "
        f"(modelyard weights ls, rm) and fetch again, which goes on from there, or {_ELSEWHERE}"
    )
