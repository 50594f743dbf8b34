"""The adapters that one model of Ray Serve LLM can load: a folder of the bucket, one subfolder per version.

Ray lists the subfolders, loads one at its first request and keeps it by its name for good. So a subfolder is named
after its content (``food-review@1a2b3c4d``), appears by one rename and never changes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Collection
from pathlib import Path

from modelyard.lora.plan import Held

DRAFTS = ".drafts"
"""Beside the shelves, where nothing is listed."""
_LOGIN = "anonymous"
"""Ray takes ``anonymous@`` anywhere in an address for a wish to read without a key."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._@-]")


class AdapterShelf:
    """One folder. Several clusters may read it (an upgrade has two): a version stays while one of them holds it."""

    def __init__(self, bucket: Path, prefix: str, base: str) -> None:
        """``base``: the model that the adapters are on; a name may begin with it (``base:food-review``)."""
        self._folder, self._drafts, self._base = bucket / prefix, bucket / DRAFTS, base
        self._paths: dict[str, tuple[str, str]] = {}
        """Subfolder -> (engine name, the store's path)."""
        self._holders: dict[str, set[str]] = {}
        self._let_go: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def held(self, listed: Collection[str], holder: str) -> tuple[Held, ...]:
        """Those of the subfolders that a cluster lists which lie here, and which it has not let go of."""
        found = []
        with self._lock:
            for name, (engine_name, path) in self._paths.items():
                if name in listed and (holder, name) not in self._let_go:
                    self._holders.setdefault(name, set()).add(holder)
                    found.append(Held(engine_name=engine_name, path=path))
        return tuple(found)

    def put(self, engine_name: str, path: str, holder: str) -> str:
        """Make the store's folder ``path`` available as ``engine_name``; the subfolder. Raises OSError. Blocking."""
        name = subfolder(engine_name, self._base)
        with self._lock:
            if name not in self._paths:
                self._publish(Path(path), self._folder / name)
            self._paths[name] = (engine_name, path)
            self._holders.setdefault(name, set()).add(holder)
            self._let_go.discard((holder, name))
        return name

    def let_go(self, engine_name: str, holder: str) -> None:
        """A cluster needs it no more; the last one takes it off the shelf. Blocking."""
        name = subfolder(engine_name, self._base)
        with self._lock:
            self._let_go.add((holder, name))
            self._holders.get(name, set()).discard(holder)
            self._remove_unheld()

    def keep_holders(self, holders: Collection[str]) -> None:
        """Forget clusters that are gone. Blocking."""
        with self._lock:
            for held in self._holders.values():
                held.intersection_update(holders)
            self._let_go = {(holder, name) for holder, name in self._let_go if holder in holders}
            self._remove_unheld()

    def _publish(self, source: Path, place: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._drafts.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=self._drafts))
        try:
            for file in sorted(source.iterdir()):
                _take(file, draft / file.name)
            shutil.rmtree(place, ignore_errors=True)
            draft.rename(place)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _remove_unheld(self) -> None:
        for name in [name for name, holders in self._holders.items() if not holders]:
            del self._holders[name], self._paths[name]
            with contextlib.suppress(OSError):
                self._drafts.mkdir(parents=True, exist_ok=True)
                gone = Path(tempfile.mkdtemp(dir=self._drafts))
                (self._folder / name).rename(gone / name)
                shutil.rmtree(gone, ignore_errors=True)


def subfolder(engine_name: str, base: str) -> str:
    """What Ray is to call a version: its engine name without the base, and with characters that a folder may have. Two
    names never share a folder: one that had to be changed carries a digest of itself."""
    name, at, version = engine_name.removeprefix(f"{base}:").partition("@")
    safe = _UNSAFE.sub("-", name).lstrip(".-")
    if safe != name or safe.endswith(_LOGIN):
        safe = f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}".lstrip("-")
    return safe + at + _UNSAFE.sub("-", version)


def _take(file: Path, place: Path) -> None:
    """A hard link, since the store never changes a file; a copy where that cannot be."""
    try:
        os.link(file, place)
    except OSError:
        shutil.copyfile(file, place)
