"""Checksums as sources give them, and one pass over the bytes that answers all of them."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec


class Checksum(msgspec.Struct, frozen=True):
    """What a source says its file's bytes sum up to."""

    kind: Literal["sha256", "git-sha1", "md5", "crc32c"]
    """``git-sha1``: git's name of a blob, which is how the hub identifies small files. ``crc32c``: all that Google's
    store has for an object made of parts."""
    value: str
    """In hex, lower case."""


class Digester:
    """SHA-256 of the bytes, and the source's own checksum of them in the same pass."""

    def __init__(self, size: int, wanted: Checksum | None) -> None:
        self._sha256 = hashlib.sha256()
        self._wanted = wanted
        self._other = None if wanted is None or wanted.kind == "sha256" else _summing(wanted, size)

    def update(self, data: bytes | memoryview) -> None:
        self._sha256.update(data)
        if self._other is not None:
            self._other.update(data)

    @property
    def sha256(self) -> str:
        """In hex."""
        return self._sha256.hexdigest()

    @property
    def fits(self) -> bool:
        """Whether the bytes so far are what the source says; true where it says nothing, or nothing that can be
        computed here."""
        if self._wanted is None:
            return True
        if self._wanted.kind == "sha256":
            return self.sha256 == self._wanted.value
        return self._other is None or self._other.digest().hex() == self._wanted.value


def _summing(wanted: Checksum, size: int) -> Any:
    if wanted.kind == "git-sha1":
        return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    if wanted.kind == "md5":
        return hashlib.md5(usedforsecurity=False)
    try:
        import google_crc32c
    except ImportError:
        return None
    return google_crc32c.Checksum()  # type: ignore[no-untyped-call]
