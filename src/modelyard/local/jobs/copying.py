"""Copies a folder of model files: every file checked by its SHA-256, an interrupted copy gone on with, and the whole
published by one rename, so that nobody ever sees half of it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from modelyard.local.folders import check_link, make_folder
from modelyard.local.jobs.copy_lock import only_copier
from modelyard.local.jobs.job_plan import Others

CHUNK = 4 * 1024 * 1024
KEPT_FREE = 64 * 1024 * 1024
"""Bytes of the disk that stay free."""
OWN_FILES = ".modelyard-"
"""Beginning of the names of files that Modelyard keeps beside weights; they are not part of a model."""


class CopyError(Exception):
    """A copy cannot be made; the message says why and what to do next."""


class Stopped(Exception):
    """The copy was told to stop; what is there is kept and gone on with."""


class Copied:
    """What a copy did."""

    def __init__(self) -> None:
        self.files = 0
        self.bytes = 0
        self.kept = False
        """The target held the same files already."""


def _ignore(holder: str) -> None:
    """Waits without a word."""


def copy_folder(
    source: Path,
    target: Path,
    progress: Callable[[int, int], None],
    others: Others = "replace",
    waiting: Callable[[str], None] = _ignore,
) -> Copied:
    """Make ``target`` hold the files of ``source``. ``progress`` hears bytes done and in all, ``waiting`` which process
    copies there now, each again and again; what they raise ends the copy. Raises CopyError and OSError."""
    files = list(_files(source))
    if not files:
        raise CopyError(f"{source} has no files")
    make_folder(target.parent)
    check_link(target)
    target = target.resolve()  # a link to another disk stays a link
    inside = others == "keep" and target.is_dir()
    draft = target / f"{OWN_FILES}copying" if inside else target.with_name(f".{target.name}.copying")
    lock = target / f"{OWN_FILES}lock" if inside else target.with_name(f".{target.name}.lock")
    with only_copier(lock, waiting):
        done = Copied()
        if target.is_dir() and any(target.iterdir()):
            if _same(source, target, files, progress, others):
                done.kept = True
                return done
            if others == "refuse":
                raise CopyError(f"{target} holds other files; remove them, or let the Job replace them")
            if others == "replace" and source.resolve().is_relative_to(target.resolve()):
                raise CopyError(f"{source} is in {target}, which it would replace; give another folder")
        _require_space(source, draft, files)
        _copy_all(source, draft, files, progress, done)
        if inside:
            _move_in(draft, target, files)
        else:
            _publish(draft, target)
    return done


def _files(folder: Path) -> Iterator[str]:
    """Paths of all files, relative, sorted. A link counts as what it leads to (the hub's cache is made of links)."""
    for root, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(OWN_FILES):
                yield os.path.relpath(os.path.join(root, name), folder)


def _same(source: Path, target: Path, files: list[str], progress: Callable[[int, int], None], others: Others) -> bool:
    """Whether the target has these files, and where others count, no more: by name and size first, then by content."""
    there = set(_files(target))
    if not there.issuperset(files) or (others != "keep" and len(there) > len(files)):
        return False
    if any((source / name).stat().st_size != (target / name).stat().st_size for name in files):
        return False
    still = partial(progress, 0, sum((source / name).stat().st_size for name in files))
    return all(_digest(source / name, still) == _digest(target / name, still) for name in files)


def _digest(path: Path, still: Callable[[], None]) -> str:
    """SHA-256. ``still`` is called with every piece read; what it raises ends the reading."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            still()
    return digest.hexdigest()


def _require_space(source: Path, draft: Path, files: list[str]) -> None:
    """Raises CopyError where the disk would fill. What an earlier copy brought is not counted again."""
    sizes = {name: (source / name).stat().st_size for name in files}
    there = sum(min(size, (draft / name).stat().st_size) for name, size in sizes.items() if (draft / name).is_file())
    needed = sum(sizes.values()) - there + KEPT_FREE
    free = shutil.disk_usage(draft.parent).free
    if needed > free:
        raise CopyError(
            f"{draft.parent} has {free / 1e9:.1f} GB free and {needed / 1e9:.1f} GB are needed; make room, or give "
            "another folder with --source"
        )


def _copy_all(source: Path, draft: Path, files: list[str], progress: Callable[[int, int], None], done: Copied) -> None:
    total = sum((source / name).stat().st_size for name in files)
    wanted = set(files)
    for name in list(_files(draft)) if draft.is_dir() else ():
        if name not in wanted:
            (draft / name).unlink()
    for name in files:
        _copy_file(source / name, draft / name, partial(_tell, progress, done.bytes, total))
        done.files += 1
        done.bytes += (source / name).stat().st_size


def _tell(progress: Callable[[int, int], None], before: int, total: int, part: int) -> None:
    progress(before + part, total)


def _copy_file(source: Path, target: Path, progress: Callable[[int], None]) -> None:
    """Copy and read back; a file of an earlier copy that is whole stays."""
    still = partial(progress, 0)
    same_size = target.is_file() and target.stat().st_size == source.stat().st_size
    if same_size and _digest(target, still) == _digest(source, still):
        progress(source.stat().st_size)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as read, target.open("wb") as write:
        while chunk := read.read(CHUNK):
            digest.update(chunk)
            write.write(chunk)
            size += len(chunk)
            progress(size)
        write.flush()
        os.fsync(write.fileno())
    if _digest(target, partial(progress, size)) != digest.hexdigest():
        target.unlink()
        raise CopyError(f"{target} was not written as it was read; check the disk")


def _publish(draft: Path, target: Path) -> None:
    """Put the whole copy in place; what was there goes only afterwards."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    draft.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _move_in(draft: Path, target: Path, files: list[str]) -> None:
    """Put every file of the whole copy in place; what else the target holds stays."""
    for name in files:
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        (draft / name).replace(place)
    shutil.rmtree(draft, ignore_errors=True)
