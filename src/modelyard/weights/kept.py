"""What weights there are below a root, and removing them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from modelyard.weights.disk import link_to_nowhere
from modelyard.weights.durable import move
from modelyard.weights.errors import WeightsError
from modelyard.weights.fetch_lock import is_held, only_fetcher
from modelyard.weights.published import Manifest, has_all, read_manifest
from modelyard.weights.workspace import PARTIAL, Journal, lock_of

State = Literal["ready", "incomplete", "fetching", "damaged"]


class KeptWeights(msgspec.Struct, frozen=True, kw_only=True):
    """Weights below a root."""

    folder: str
    path: Path
    source: str
    state: State
    """``incomplete``: a fetch was ended; the next goes on. ``damaged``: files are missing or have other sizes."""
    revision: str = ""
    digest: str = ""
    size: int = 0
    """Bytes; of an incomplete one what is here so far."""
    total: int = 0
    """Bytes when it is complete."""
    fetched: float | None = None
    """Unix time."""


def kept_weights(root: Path) -> list[KeptWeights]:
    """All of them, by name. Raises :class:`WeightsError`."""
    if not root.is_dir():
        unmounted = link_to_nowhere(root)
        if unmounted:
            raise WeightsError(unmounted)
        return []
    published = {path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")}
    partial = {path.name for path in (root / PARTIAL).glob("*") if path.is_dir()}
    found = (_published(root, name) if name in published else _partial(root, name) for name in published | partial)
    return sorted((kept for kept in found if kept is not None), key=lambda kept: kept.folder)


def remove_weights(root: Path, folder: str) -> int:
    """Remove a folder and what is left of fetches of it; return the bytes that were freed. Whoever reads its files goes
    on reading: their space is freed when they are closed. Raises :class:`WeightsError` while it is fetched."""
    with only_fetcher(lock_of(root, folder), 0.0, lambda holder: None):
        partial = root / PARTIAL / folder
        partial.mkdir(parents=True, exist_ok=True)
        if (root / folder).exists():
            move(root / folder, partial / "removed")
        size = _size_of(partial)
        shutil.rmtree(partial)
    return size


def users_of(path: Path) -> Iterator[int]:
    """Processes of this machine whose command line names a path (Linux)."""
    wanted = os.fsencode(path)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended, or is somebody else's
        if int(process.name) != os.getpid() and any(_names(argument, wanted) for argument in arguments):
            yield int(process.name)


def _names(argument: bytes, path: bytes) -> bool:
    before, found, after = argument.partition(path)
    return bool(found) and after[:1] in (b"", b"/", b'"', b",") and before[-1:] in (b"", b"=", b'"')


def _published(root: Path, name: str) -> KeptWeights | None:
    path = root / name
    manifest = read_manifest(path)
    return None if manifest is None else _of_manifest(root, name, manifest)


def _of_manifest(root: Path, name: str, manifest: Manifest) -> KeptWeights:
    state: State = "ready" if has_all(root / name, manifest) else "damaged"
    return KeptWeights(
        folder=name,
        path=root / name,
        source=manifest.source,
        state="fetching" if is_held(lock_of(root, name)) else state,
        revision=manifest.revision,
        digest=manifest.digest,
        size=manifest.size,
        total=manifest.size,
        fetched=manifest.fetched,
    )


def _partial(root: Path, name: str) -> KeptWeights | None:
    try:
        journal = msgspec.json.decode((root / PARTIAL / name / "journal.json").read_bytes(), type=Journal)
    except (OSError, msgspec.DecodeError):
        return None
    return KeptWeights(
        folder=name,
        path=root / name,
        source=journal.source,
        state="fetching" if is_held(lock_of(root, name)) else "incomplete",
        revision=journal.revision,
        size=_size_of(root / PARTIAL / name),
        total=sum(file.size for file in journal.files),
    )


def _size_of(folder: Path) -> int:
    size = 0
    for place, _, files in os.walk(folder):
        for name in files:
            try:
                size += (Path(place) / name).lstat().st_size
            except OSError as problem:
                if not isinstance(problem, FileNotFoundError):
                    raise WeightsError(f"{place}/{name} cannot be read: {problem.strerror}") from None
    return size
