"""A body that comes in pieces and is wanted whole."""

from __future__ import annotations

_MANY = 256
_LITTLE = 64 * 1024


class CollectedBody:
    """Pieces until they are asked for. A client that sends single bytes makes many of them, each of which takes some
    fifty bytes of memory; so many that hold little are joined as they come."""

    __slots__ = ("_fresh", "_joined", "_pieces")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._joined = 0
        """Pieces at the beginning that are large enough, or joined already."""
        self._fresh = 0
        """Bytes of the others."""

    def add(self, piece: bytes) -> None:
        pieces = self._pieces
        pieces.append(piece)
        self._fresh += len(piece)
        if len(pieces) - self._joined >= _MANY:
            if self._fresh < _LITTLE:
                pieces[self._joined :] = [b"".join(pieces[self._joined :])]
            self._joined = len(pieces)
            self._fresh = 0

    def whole(self) -> bytes:
        """All of it, joined once: a second call costs nothing."""
        if len(self._pieces) != 1:
            self._pieces = [b"".join(self._pieces)]
            self._joined, self._fresh = 1, 0
        return self._pieces[0]

    def clear(self) -> None:
        self._pieces = []
        self._joined = self._fresh = 0
