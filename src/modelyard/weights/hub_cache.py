"""The user's own cache of the hub's client: what is in it can be had where the hub cannot be reached.

Its layout is ``models--ORG--NAME/snapshots/<commit>/<file>``, links to ``blobs/<checksum>``; which commit a branch
stood for last is in ``refs/``. So every file is checked like one that is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

from modelyard.resources.weights_source import DEFAULT_REVISION, WeightsSource
from modelyard.weights.checksums import Checksum
from modelyard.weights.limits import PICKLE_KINDS, SAFETENSORS
from modelyard.weights.published import names_in
from modelyard.weights.store import Listing, RemoteFile

_BLOCK = 4 << 20
_KINDS = {64: "sha256", 40: "git-sha1"}
"""Length of a blob's name in hex -> what it sums up."""
_HEX = re.compile(r"[0-9a-f]+")
_SHARD = re.compile(r"(.*-)(\d+)-of-(\d+)\.safetensors")
_WEIGHTS = PICKLE_KINDS | {SAFETENSORS}
_INDEX = ".safetensors.index.json"


class NotCached(Exception):
    """The cache does not have it, or not all of it; the message says which."""


class HubCache:
    """One repository at the commit that its revision stood for when it was last downloaded."""

    pinned = True

    def __init__(self, source: WeightsSource, revision: str = "") -> None:
        """``revision``: to read instead of the source's. Raises :class:`NotCached`."""
        self.snapshot = _snapshot(source.name, revision or source.revision or DEFAULT_REVISION)
        self._repository = self.snapshot.parent.parent.resolve()

    def listing(self) -> Listing:
        """What is there. Raises :class:`NotCached` where parts of the weights are missing."""
        names = [name for name in names_in(self.snapshot) if self._is_whole(name)]
        missing = sorted({*_shards(names), *self._indexed(names)} - set(names))
        if missing or not any(Path(name).suffix in _WEIGHTS for name in names):
            raise NotCached(f"its copy in {self.snapshot} lacks {missing[0] if missing else 'the weights'}")
        return Listing(revision=self.snapshot.name, files=tuple(self._file(name) for name in sorted(names)))

    def vouches(self, file: RemoteFile) -> bool:
        """Blobs are named by the hub's checksums, which are of the bytes."""
        return True

    def read(self, file: RemoteFile, start: int) -> Iterator[bytes]:
        """The file's bytes from this one on."""
        with self.place(file.name).open("rb") as content:
            content.seek(start)
            while block := content.read(_BLOCK):
                yield block

    def place(self, name: str) -> Path:
        """Where the bytes of a file are."""
        return (self.snapshot / name).resolve()

    def _is_whole(self, name: str) -> bool:
        """Downloads that were ended have no link yet; blobs that were removed leave one to nowhere."""
        place = self.place(name)
        return place.is_file() and place.is_relative_to(self._repository)

    def _file(self, name: str) -> RemoteFile:
        place = self.place(name)
        kind = _KINDS.get(len(place.name)) if _HEX.fullmatch(place.name) else None
        checksum = Checksum(kind, place.name) if kind is not None else None  # type: ignore[arg-type]
        return RemoteFile(name=name, size=place.stat().st_size, checksum=checksum, identity=place.name)

    def _indexed(self, names: list[str]) -> Iterator[str]:
        """Files of weights that the models' own lists name."""
        for name in names:
            if name.endswith(_INDEX):
                try:
                    found = msgspec.json.decode(self.place(name).read_bytes(), type=dict[str, object])
                except msgspec.DecodeError:
                    continue  # its checksum will tell
                weights = found.get("weight_map")
                folder = name.rpartition("/")[0]
                for part in set(weights.values()) if isinstance(weights, dict) else ():
                    yield f"{folder}/{part}" if folder else str(part)


def cache_folder() -> str:
    """Where the cache is, for people."""
    return str(constants.HF_HUB_CACHE)


def _snapshot(name: str, revision: str) -> Path:
    try:
        return Path(snapshot_download(name, revision=revision, local_files_only=True))
    except LocalEntryNotFoundError as absent:
        partial = getattr(absent, "snapshot_path", None)  # whether what is missing matters is looked at here
        if partial is None:
            raise NotCached(f"the hub's cache {cache_folder()} does not have it") from None
        return Path(partial)
    except (HFValidationError, OSError, ValueError) as problem:
        raise NotCached(f"the hub's cache {cache_folder()} cannot be read ({problem})") from None


def _shards(names: list[str]) -> Iterator[str]:
    """All parts of weights of which there is one."""
    for name in names:
        found = _SHARD.fullmatch(name)
        if found is not None:
            for number in range(1, min(int(found[3]), 10_000) + 1):
                yield f"{found[1]}{number:0{len(found[2])}}-of-{found[3]}{SAFETENSORS}"
