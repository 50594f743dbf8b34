"""A path: weights that are here already, or in a mounted bucket. They are checked and used where they are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from modelyard.weights.disk import link_to_nowhere
from modelyard.weights.errors import WeightsError
from modelyard.weights.fetched import FetchedWeights
from modelyard.weights.limits import FetchLimits
from modelyard.weights.published import PublishedFile, digest_of, names_in, sha256_of
from modelyard.weights.selection import select
from modelyard.weights.store import RemoteFile


def check_folder(path: str, limits: FetchLimits) -> FetchedWeights:
    """The folder as weights. Raises :class:`WeightsError` with what is wrong with it."""
    folder = Path(path).absolute()
    if not folder.is_dir():
        raise WeightsError(_absent(folder))
    try:
        names = list(names_in(folder))
        if limits.contained:
            _check_links(folder, names)
        files = select(_files(folder, names), limits, path)
        digest = _digest(folder, files) if limits.contained else _fingerprint(folder, files)
    except OSError as problem:
        raise WeightsError(f"{problem.filename or folder} cannot be read: {problem.strerror}") from None
    return FetchedWeights(path=folder, source=path, revision="", digest=digest, size=sum(file.size for file in files))


def _absent(folder: Path) -> str:
    unmounted = link_to_nowhere(folder, "")
    if unmounted:
        return unmounted
    if folder.exists():
        return f"{folder} is a file; name the folder that holds config.json and the safetensors files"
    there = next(parent for parent in folder.parents if parent.is_dir())
    if there == Path("/") or not any(there.iterdir()):
        mount = folder.parts[: len(there.parts) + 1] if there == Path("/") else there.parts
        where = Path(*mount)
        return (
            f"{folder} does not exist: nothing is mounted at {where}. Mount the bucket there, or say where the files "
            f"are (--source {folder}=gs://BUCKET/FOLDER, =ORG/NAME, =/ANOTHER/PATH or =demo://demo-llama)"
        )
    near = ", ".join(sorted(child.name for child in there.iterdir())[:5])
    return f"{folder} does not exist; {there} has: {near}"


def _files(folder: Path, names: Sequence[str]) -> list[RemoteFile]:
    """Links to folders are not walked into: whole models are not laid out so."""
    found = []
    for name in names:
        path = folder / name
        if path.is_symlink() and not path.exists():
            raise WeightsError(f"{path} is a link that leads nowhere; it points to {path.readlink()}")
        if path.is_file():
            found.append(RemoteFile(name=name, size=path.stat().st_size))
    return found


def _check_links(folder: Path, names: Sequence[str]) -> None:
    real = folder.resolve()
    for name in names:
        path = folder / name
        if path.is_symlink() and not path.resolve().is_relative_to(real):
            raise WeightsError(f"{path} is a link that leaves the folder; copy the file there instead")


def _digest(folder: Path, files: Sequence[RemoteFile]) -> str:
    return digest_of(PublishedFile(name=f.name, size=f.size, sha256=sha256_of(folder / f.name)) for f in files)


def _fingerprint(folder: Path, files: Sequence[RemoteFile]) -> str:
    lines = (f"{file.name}\0{file.size}\0{(folder / file.name).stat().st_mtime_ns}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
