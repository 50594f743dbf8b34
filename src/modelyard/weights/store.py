"""What a place that weights come from can do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import msgspec

from modelyard.weights.checksums import Checksum


class RemoteFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a source. Two that are equal have the same bytes: part of one is continued with the other."""

    name: str
    """Relative, with slashes; not to be trusted before ``selection``."""
    size: int
    checksum: Checksum | None = None
    identity: str = ""
    """What changes when the bytes change (etag, generation, blob)."""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What a source has, at one moment."""

    revision: str
    """Names that moment; equal revisions have equal files."""
    files: tuple[RemoteFile, ...]


class Store(Protocol):
    """A source that is open. Its methods may be called from several threads at once.

    They raise ``WeightsError`` where trying again is of no use, ``Interruption`` where it may help.
    """

    @property
    def pinned(self) -> bool:
        """Whether files that are read are those of the listing, whatever happens to the source meanwhile."""

    def listing(self) -> Listing:
        """All files there now."""

    def vouches(self, file: RemoteFile) -> bool:
        """Asked when a file's checksum does not fit: whether it is really one of the file's bytes."""

    def read(self, file: RemoteFile, start: int) -> Iterator[bytes]:
        """The file's bytes from this one on."""
