"""Published weights: a folder with the list of its files inside."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from modelyard.weights.durable import write_whole
from modelyard.weights.errors import WeightsError

MANIFEST = ".modelyard-weights.json"
_BLOCK = 4 << 20


class PublishedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """``.modelyard-weights.json``: what the folder holds and where it is from."""

    source: str
    revision: str
    digest: str
    """:func:`digest_of` the files."""
    fetched: float
    """Unix time."""
    files: tuple[PublishedFile, ...]

    @classmethod
    def of(cls, source: str, revision: str, fetched: float, files: tuple[PublishedFile, ...]) -> Manifest:
        """The manifest of these files."""
        return cls(source=source, revision=revision, digest=digest_of(files), fetched=fetched, files=files)

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(file.size for file in self.files)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """How a folder differs from its manifest."""

    corrupted: tuple[str, ...] = ()
    """Another size, other bytes, or unreadable."""
    missing: tuple[str, ...] = ()
    additional: tuple[str, ...] = ()
    """Files, and links, that nobody fetched."""

    @property
    def sound(self) -> bool:
        """Whether it is what was fetched."""
        return not (self.corrupted or self.missing or self.additional)

    def __str__(self) -> str:
        named = (("corrupted", self.corrupted), ("missing", self.missing), ("additional", self.additional))
        return "; ".join(f"{what}: {', '.join(names)}" for what, names in named if names) or "sound"


def digest_of(files: Iterable[PublishedFile]) -> str:
    """SHA-256, in hex, of lines as ``sha256sum`` writes them, sorted by name: names and contents, no times."""
    lines = (f"{file.sha256}  {file.name}\n" for file in sorted(files, key=lambda file: file.name))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_manifest(folder: Path) -> Manifest | None:
    """The folder's manifest; None where there is none. Raises :class:`WeightsError` where it cannot be read."""
    path = folder / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, msgspec.DecodeError) as problem:
        raise WeightsError(f"{path} cannot be read ({problem}): remove {folder} and fetch again") from None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the folder's manifest."""
    write_whole(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")


def has_all(folder: Path, manifest: Manifest) -> bool:
    """Whether every file is there in its size: a look at names, quick also for the largest models."""
    return all(_size(folder / file.name) == file.size for file in manifest.files)


def verify(folder: Path, manifest: Manifest, read: Callable[[int], None] = lambda count: None) -> Verdict:
    """Read everything and compare. ``read`` hears of every block of bytes."""
    known = {file.name: file for file in manifest.files}
    there = set(names_in(folder)) - {MANIFEST}
    corrupted = (name for name in sorted(known.keys() & there) if not _is_sound(folder / name, known[name], read))
    return Verdict(
        corrupted=tuple(corrupted),
        missing=tuple(sorted(known.keys() - there)),
        additional=tuple(sorted(there - known.keys())),
    )


def names_in(folder: Path) -> Iterator[str]:
    """Everything below a folder but folders, as relative names with slashes; links are not followed."""
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        for name in (*files, *links):
            yield (Path(place) / name).relative_to(folder).as_posix()


def sha256_of(path: Path, read: Callable[[int], None] = lambda count: None) -> str:
    """SHA-256 of a file, in hex. Raises OSError."""
    summed = hashlib.sha256()
    buffer = memoryview(bytearray(_BLOCK))
    with path.open("rb", buffering=0) as content:
        while count := content.readinto(buffer):
            summed.update(buffer[:count])
            read(count)
    return summed.hexdigest()


def _is_sound(path: Path, file: PublishedFile, read: Callable[[int], None]) -> bool:
    try:
        return not path.is_symlink() and _size(path) == file.size and sha256_of(path, read) == file.sha256
    except OSError:
        return False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
