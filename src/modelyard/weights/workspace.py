"""Where a folder's files come together before it is published, and what is remembered of them across kills.

::

    <root>/.partial/<folder>/journal.json      what is wanted, and which files are whole and checked
                             parts/<name>      bytes so far of files that are not whole
                             files/<name>      whole files; the folder that is published in the end
                             replaced/         the folder that was published before, until the new one is
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec

from modelyard.weights.durable import move, sync_folder, write_whole
from modelyard.weights.published import Manifest, PublishedFile, has_all, write_manifest
from modelyard.weights.store import RemoteFile

PARTIAL = ".partial"


def lock_of(root: Path, folder: str) -> Path:
    """The lock that whoever changes this folder holds."""
    return root / PARTIAL / f"{folder}.lock"


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """``journal.json``."""

    source: str
    revision: str = ""
    files: tuple[RemoteFile, ...] = ()
    checked: dict[str, str] = {}
    """Name -> SHA-256 of the files that are whole and were what the source says."""


class Workspace:
    """Belongs to whoever holds the folder's lock."""

    def __init__(self, root: Path, folder: str, source: str) -> None:
        self.place = root / PARTIAL / folder
        self.published = root / folder
        self._files, self._parts = self.place / "files", self.place / "parts"
        self._replaced = self.place / "replaced"
        self.journal = self._read(source)

    def adopt(self, revision: str, files: Iterable[RemoteFile]) -> None:
        """Want these files. What is here of files that are still the same stays; the rest goes."""
        wanted = {file.name: file for file in files}
        for old in self.journal.files:
            if wanted.get(old.name) != old:
                self.part(old.name).unlink(missing_ok=True)
                self.whole(old.name).unlink(missing_ok=True)
        same = {old.name for old in self.journal.files if wanted.get(old.name) == old}
        checked = {name: digest for name, digest in self.journal.checked.items() if name in same}
        files_wanted = tuple(wanted.values())
        self._write(Journal(source=self.journal.source, revision=revision, files=files_wanted, checked=checked))
        for file in files_wanted:
            self.part(file.name).parent.mkdir(parents=True, exist_ok=True)
            self.whole(file.name).parent.mkdir(parents=True, exist_ok=True)

    def take_from(self, manifest: Manifest) -> None:
        """Files of the published folder that the source still has are linked instead of fetched again."""
        known = {file.name: file for file in manifest.files}
        for file in self.journal.files:
            old = known.get(file.name)
            if (
                old is None
                or file.checksum is None
                or (file.checksum.kind, file.checksum.value) != ("sha256", old.sha256)
            ):
                continue
            if _size(self.published / file.name) == file.size and not self.whole(file.name).exists():
                with contextlib.suppress(OSError):  # a file system without links: it is fetched
                    os.link(self.published / file.name, self.whole(file.name), follow_symlinks=False)
                    self.remember(file.name, old.sha256)

    def part(self, name: str) -> Path:
        """Where the bytes of a file that is not whole are."""
        return self._parts / name

    def whole(self, name: str) -> Path:
        """Where a whole file is."""
        return self._files / name

    def here(self, file: RemoteFile) -> int:
        """Bytes of this file that are here."""
        if _size(self.whole(file.name)) == file.size:
            return file.size
        return min(file.size, max(0, _size(self.part(file.name))))

    def is_checked(self, file: RemoteFile) -> bool:
        """Whether it is whole and was what the source says."""
        return file.name in self.journal.checked and _size(self.whole(file.name)) == file.size

    def remember(self, name: str, sha256: str) -> None:
        """The file is whole and checked."""
        self._write(msgspec.structs.replace(self.journal, checked={**self.journal.checked, name: sha256}))

    def link(self, file: RemoteFile, place: Path, sha256: str) -> None:
        """A file that lies elsewhere on this disk, whole and checked, becomes one of these; where it cannot be linked
        nothing happens. Remembered first: what is not remembered is written to."""
        self.remember(file.name, sha256)
        self.whole(file.name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            os.link(place, self.whole(file.name), follow_symlinks=False)

    def publish(self, manifest: Manifest) -> None:
        """The files become the published folder, by one rename. A folder that was there before is moved aside first;
        :meth:`recover` puts it back if we are killed between the two."""
        write_manifest(self._files, manifest)
        for place, _, _ in os.walk(self._files):
            sync_folder(Path(place))
        if self.published.exists():
            shutil.rmtree(self._replaced, ignore_errors=True)
            move(self.published, self._replaced)
        move(self._files, self.published)
        self.remove()

    def recover(self) -> None:
        """After a kill between the two renames of :meth:`publish`."""
        if self._replaced.exists() and not self.published.exists():
            move(self._replaced, self.published)

    def remove(self) -> None:
        """Forget all of it."""
        shutil.rmtree(self.place, ignore_errors=True)

    def manifest(self, now: float) -> Manifest | None:
        """What would be published now; None while a file is missing or not checked."""
        checked = self.journal.checked
        if not self.journal.files or not all(self.is_checked(file) for file in self.journal.files):
            return None
        files = tuple(PublishedFile(name=f.name, size=f.size, sha256=checked[f.name]) for f in self.journal.files)
        made = Manifest.of(self.journal.source, self.journal.revision, now, files)
        return made if has_all(self._files, made) else None

    def _read(self, source: str) -> Journal:
        try:
            found = msgspec.json.decode((self.place / "journal.json").read_bytes(), type=Journal)
        except FileNotFoundError:
            return Journal(source=source)
        except (OSError, msgspec.DecodeError):
            self.remove()
            return Journal(source=source)
        return found if found.source == source else Journal(source=source)

    def _write(self, journal: Journal) -> None:
        self.place.mkdir(parents=True, exist_ok=True)
        write_whole(self.place / "journal.json", msgspec.json.encode(journal))
        self.journal = journal


def _size(path: Path) -> int:
    try:
        found = path.lstat()
    except OSError:
        return -1
    return found.st_size
