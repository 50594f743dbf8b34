"""Which files of a listing are taken. A listing comes from somebody else: its names are not trusted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from modelyard.resources.errors import shown
from modelyard.weights.errors import WeightsError
from modelyard.weights.limits import PICKLE_KINDS, SAFETENSORS, TEXT_KINDS, FetchLimits, TiB
from modelyard.weights.progress import readable_size
from modelyard.weights.store import RemoteFile

_LONGEST_NAME = 200
"""Bytes of one part of a name; file systems take 255, and the suffix of partial files adds to it."""
_DEEPEST = 8
_OTHER_FORMATS = frozenset({"original", "onnx", "openvino", "coreml", "metal", "flax"})
"""Folders in which the hub's repositories keep the same weights once more, for other programs."""


def select(files: Iterable[RemoteFile], limits: FetchLimits, source: str) -> tuple[RemoteFile, ...]:
    """The files to take, sorted by name. Raises :class:`WeightsError` for names that would leave the folder, for
    sources that have no weights of a kind that may be taken, and for more than the limits allow."""
    listed = sorted(files, key=lambda file: file.name)
    for file in listed:
        check_name(file.name, source)
    shown_files = [file for file in listed if _is_of_interest(file.name)]
    taken = [file for file in shown_files if kind(file.name) in limits.kinds]
    if not any(kind(file.name) == SAFETENSORS for file in taken):
        taken += _pickles(shown_files, limits, source)
    _check_sizes(taken, limits, source)
    _check_collisions(taken, source)
    return tuple(sorted(taken, key=lambda file: file.name))


def kind(name: str) -> str:
    """The suffix, in lower case."""
    return PurePosixPath(name).suffix.lower()


def check_name(name: str, source: str) -> None:
    """Raises :class:`WeightsError` for a name that is not a plain relative path of printable parts."""
    parts = name.split("/")
    if not name.isprintable() or "\\" in name or any(part in ("", ".", "..") for part in parts):
        raise WeightsError(f"{source} lists a file named {shown(name)}, which could leave its folder: do not use it")
    if len(parts) > _DEEPEST or any(len(part.encode()) > _LONGEST_NAME for part in parts):
        raise WeightsError(f"{source} lists a file whose name is too long or too deep: {shown(name)}")


def _is_of_interest(name: str) -> bool:
    parts = name.split("/")
    return not any(part.startswith(".") for part in parts) and not _OTHER_FORMATS & set(parts[:-1])


def _pickles(files: Sequence[RemoteFile], limits: FetchLimits, source: str) -> list[RemoteFile]:
    found = [file for file in files if kind(file.name) in PICKLE_KINDS]
    if not found:
        raise WeightsError(f"{source} has no {SAFETENSORS} files; name the folder (or repository) that has the weights")
    if not limits.allow_pickle:
        raise WeightsError(
            f"{source} has its weights in {found[0].name} only: loading a pickled file can run any code that is in it, "
            f"so it is not taken; use a source with {SAFETENSORS} files, or convert it "
            "(weights pull --allow-pickle takes it from people whom you trust)"
        )
    return found


def _check_sizes(files: Sequence[RemoteFile], limits: FetchLimits, source: str) -> None:
    for file in files:
        most = limits.kinds.get(kind(file.name), TiB)
        if not 0 <= file.size <= most:
            raise WeightsError(
                f"{source}: {file.name} has {readable_size(file.size)}; of such files {readable_size(most)} at most"
            )
    size = sum(file.size for file in files)
    if size > limits.max_size:
        raise WeightsError(f"{source} has {readable_size(size)}; at most {readable_size(limits.max_size)} are taken")
    if len(files) > limits.max_files:
        raise WeightsError(f"{source} has {len(files)} files; at most {limits.max_files} are taken")


def _check_collisions(files: Sequence[RemoteFile], source: str) -> None:
    """Some file systems do not tell A from a: one file would be written over the other."""
    seen: dict[str, str] = {}
    for file in files:
        other = seen.setdefault(file.name.casefold(), file.name)
        if other is not file.name:
            raise WeightsError(f"{source} has both {other} and {file.name}: not every disk can keep them apart")


assert not PICKLE_KINDS & set(TEXT_KINDS)
