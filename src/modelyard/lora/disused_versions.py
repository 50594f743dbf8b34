"""Takes away the copies of adapters that no engine has loaded any more and no source stands for."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

LINGER = 60.0
"""Seconds that a version stays after its last use: a request that began with it may still have the engine read it."""


class DisusedVersions:
    """Watches one store's folder, which nobody else may use."""

    def __init__(self, root: Path, clock: Callable[[], float]) -> None:
        self._root, self._clock = root, clock
        self._since: dict[str, float] = {}
        """Folder -> when it was first seen unused."""

    def take_away(self, in_use: Collection[str]) -> list[Path]:
        """Move what has been out of use for long enough out of the way, at once; the folders to be deleted. Call it
        where nobody publishes a version meanwhile. Raises OSError. ``in_use``: paths."""
        names = {Path(path).name for path in in_use}
        unused = [name for name in self._versions() if name not in names]
        now = self._clock()
        self._since = {name: self._since.get(name, now) for name in unused}
        over = [name for name, since in self._since.items() if now - since >= LINGER]
        return [self._moved(name) for name in over]

    def _versions(self) -> list[str]:
        try:
            return [name for name in os.listdir(self._root) if "@" in name and not name.startswith(".")]
        except FileNotFoundError:
            return []

    def _moved(self, name: str) -> Path:
        gone = Path(tempfile.mkdtemp(prefix=".gone-", dir=self._root))
        (self._root / name).rename(gone / name)
        del self._since[name]
        return gone
