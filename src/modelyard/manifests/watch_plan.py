"""What has to be watched so that no change of the given paths is missed.

Folders are watched one by one, never whole trees: a manifest may lie in a home folder. Watched are every
folder that is read, the folder around every given path (it may be replaced or created later), and the folder
around every link on the way to a file (ConfigMap volumes swap the link ``..data``).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import msgspec

from modelyard.manifests.files import find_files, folders_below, is_hidden

_CONFIG_MAP_LINK = "..data"
_MAX_LINKS = 40


class WatchPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Folders by real path. Plans are equal when the same folders would be watched for the same things."""

    folders: frozenset[tuple[str, int, int]] = frozenset()
    """(path, device, inode): a folder that was replaced is another folder."""
    read: frozenset[str] = frozenset()
    """Folders in which everything counts that is not hidden."""
    entries: frozenset[str] = frozenset()
    """Single files, folders and links that count, wherever they are."""

    def concerns(self, path: str) -> bool:
        """Whether a change at ``path`` may change what is read."""
        folder, name = os.path.split(path)
        if folder in self.read and (not is_hidden(name) or name == _CONFIG_MAP_LINK):
            return True
        return path in self.entries

    @property
    def paths(self) -> list[str]:
        return sorted(path for path, _, _ in self.folders)


def plan_watch(paths: Iterable[str]) -> WatchPlan:
    """The plan for what the paths are now. Never raises."""
    given = list(paths)
    read = {folder for path in given if os.path.isdir(path) for folder in folders_below(path)}
    entries = {entry for path in (*given, *find_files(given).files) for entry in _entries(path)}
    folders = {*read, *(os.path.dirname(entry) for entry in entries)}
    return WatchPlan(folders=frozenset(_identified(folders)), read=frozenset(read), entries=frozenset(entries))


def _entries(path: str) -> Iterator[str]:
    """The path itself and every link on the way to its file; of what is missing, the first missing part."""
    current = os.path.abspath(path)
    for _ in range(_MAX_LINKS):
        entry = _first_missing_or_self(current)
        folder, name = os.path.split(entry)
        entry = os.path.join(os.path.realpath(folder), name)
        yield entry
        yield from _links_above(current)
        if not os.path.islink(entry):
            return
        current = os.path.normpath(os.path.join(os.path.dirname(entry), os.readlink(entry)))


def _first_missing_or_self(path: str) -> str:
    while True:
        folder = os.path.dirname(path)
        if os.path.isdir(folder) or folder == path:
            return path
        path = folder


def _links_above(path: str) -> Iterator[str]:
    """Folders on the way that are links themselves, as ``..data`` is."""
    folder = os.path.dirname(path)
    while folder != os.path.dirname(folder):
        if os.path.islink(folder):
            parent, name = os.path.split(folder)
            yield os.path.join(os.path.realpath(parent), name)
        folder = os.path.dirname(folder)


def _identified(folders: Iterable[str]) -> Iterator[tuple[str, int, int]]:
    for folder in folders:
        try:
            found = os.stat(folder)
        except OSError:
            continue
        yield folder, found.st_dev, found.st_ino
