"""Which files are meant by the paths that a user gives."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from modelyard.resources.errors import ResourceError

SUFFIXES = (".yaml", ".yml", ".json")
"""Files of a folder that are read. A file that is named itself may have any name."""


class FoundFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Files to read in order, each once, and what is wrong with the paths."""

    files: tuple[str, ...] = ()
    errors: tuple[ResourceError, ...] = ()


def find_files(paths: Iterable[str | Path]) -> FoundFiles:
    """Files as they are, folders with all below them (an empty one may be filled later). Hidden entries are left
    out: editors and ConfigMap volumes keep their own things there. Never raises.
    """
    files: dict[str, str] = {}
    errors: list[ResourceError] = []
    for path in map(str, paths):
        for file in _files_of(path, errors):
            files.setdefault(os.path.realpath(file), file)
    return FoundFiles(files=tuple(files.values()), errors=tuple(errors))


def _files_of(path: str, errors: list[ResourceError]) -> list[str]:
    if not os.path.isdir(path):
        return [path]
    return list(_walk(path, set(), errors))


def is_hidden(name: str) -> bool:
    return name.startswith(".")


def folders_below(folder: str) -> list[str]:
    """The folder and every folder below it that is read."""
    seen: set[str] = set()
    for _ in _walk(folder, seen, []):
        pass
    return sorted(seen)


def _walk(folder: str, seen: set[str], errors: list[ResourceError]) -> Iterator[str]:
    """Manifest files below, by name; ``seen`` takes the real path of each folder, which ends link loops."""
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry.name, entry.path) for entry in entries if not is_hidden(entry.name))
    except OSError as error:
        if len(seen) == 1 or not vanished(folder, error):
            errors.append(os_error(folder, error))
        return
    for name, path in found:
        if os.path.isdir(path):
            yield from _walk(path, seen, errors)
        elif name.endswith(SUFFIXES):
            yield path


def vanished(path: str, error: OSError) -> bool:
    """Whether an entry of a folder was removed between the listing and the look: then it is simply not there. A link
    that leads nowhere has not vanished."""
    return isinstance(error, FileNotFoundError) and not os.path.lexists(path)


def os_error(path: str, error: OSError) -> ResourceError:
    """What a failed file access means, and what to do."""
    match error:
        case FileNotFoundError():
            return _error(path, "does not exist; check the path")
        case PermissionError():
            return _error(path, "may not be read by this user; check its permissions")
        case _:
            return _error(path, f"cannot be read: {error.strerror or error}")


def _error(path: str, message: str) -> ResourceError:
    return ResourceError(source=path, message=message)
