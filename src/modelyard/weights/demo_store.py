"""``demo://``: the models that come with Modelyard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from modelyard.resources.weights_source import WeightsSource
from modelyard.weights.checksums import Checksum
from modelyard.weights.demo import demo_model
from modelyard.weights.errors import WeightsError
from modelyard.weights.store import Listing, RemoteFile

_BLOCK = 1 << 20


class DemoStore:
    """One demo model; files are copied, so that engines find them where all weights are and nobody writes into the
    package."""

    pinned = True

    def __init__(self, source: WeightsSource) -> None:
        try:
            self._model = demo_model(source.name)
        except ValueError as unknown:
            raise WeightsError(str(unknown)) from None
        self._paths: dict[str, Path] = {file.name: file.path for file in self._model.files}

    def listing(self) -> Listing:
        """What the package has."""
        if not self._paths:
            raise WeightsError(f"the files of demo://{self._model.name} are missing: install Modelyard anew")
        files = (
            RemoteFile(name=file.name, size=self._size(file.path), checksum=Checksum("sha256", file.sha256))
            for file in self._model.files
        )
        return Listing(revision=self._model.digest, files=tuple(files))

    def vouches(self, file: RemoteFile) -> bool:
        """The checksums are the package's."""
        return True

    def read(self, file: RemoteFile, start: int) -> Iterator[bytes]:
        """The file's bytes from this one on."""
        with self._paths[file.name].open("rb") as content:
            content.seek(start)
            while block := content.read(_BLOCK):
                yield block

    def _size(self, path: Path) -> int:
        try:
            return path.stat().st_size
        except OSError as problem:
            raise WeightsError(f"{path} of the demo models cannot be read ({problem.strerror})") from None
