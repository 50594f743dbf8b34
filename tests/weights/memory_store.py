"""A source in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from modelyard.weights.checksums import Checksum
from modelyard.weights.errors import Interruption
from modelyard.weights.store import Listing, RemoteFile


class MemoryStore:
    """Serves these files, in blocks of 1000 bytes."""

    pinned = True

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)
        self.reads: list[tuple[str, int]] = []
        """Name and first byte of every read."""
        self.interruptions: list[int] = []
        """The next reads end after so many bytes."""
        self.lies: Mapping[str, bytes] = {}
        """Files that arrive otherwise than listed."""
        self.honest = True
        """Whether checksums are of the bytes."""

    def listing(self) -> Listing:
        files = tuple(
            RemoteFile(name=name, size=len(content), checksum=Checksum("sha256", hashlib.sha256(content).hexdigest()))
            for name, content in self.files.items()
        )
        return Listing(revision=hashlib.sha256(repr(files).encode()).hexdigest()[:8], files=files)

    def vouches(self, file: RemoteFile) -> bool:
        return self.honest

    def read(self, file: RemoteFile, start: int) -> Iterator[bytes]:
        self.reads.append((file.name, start))
        content = self.lies.get(file.name, self.files[file.name])
        left = self.interruptions.pop(0) if self.interruptions else len(content)
        for place in range(start, len(content), 1000):
            if left <= 0:
                raise Interruption("the line broke")
            yield content[place : place + min(1000, left)]
            left -= 1000
