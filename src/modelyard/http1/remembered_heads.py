"""Heads that were read before, told apart by all their bytes except the digits of Content-Length.

A client sends the same head with every request but for the length of its body, and an endpoint answers with the same
head for a second (Date). Reading is a pure function of the bytes, so what is found here is what reading would give.
Only heads that were accepted are kept, in a bounded table: a full one is emptied.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Kept = TypeVar("Kept")

MOST = 512
LONGEST = 2048
"""Bytes of the longest head that is kept."""

_NAME = b"\r\nContent-Length: "
_SMALL_NAME = b"\r\ncontent-length: "
_NAME_LENGTH = len(_NAME)


class RememberedHeads(dict[bytes, Kept], Generic[Kept]):
    """Accepted heads by the key of ``split_length``."""

    def keep(self, key: bytes, head: Kept) -> None:
        if len(key) <= LONGEST:
            if len(self) >= MOST:
                self.clear()
            self[key] = head


def split_length(data: bytes) -> tuple[bytes, bytes]:
    """A key for a head without the digits of its last Content-Length, and these digits; empty where there is none.

    A key without digits has no final LF, as no head has: one that came with an empty Content-Length, which is refused,
    must never be taken for one whose digits were removed here.
    """
    start = data.rfind(_NAME) + _NAME_LENGTH
    if start < _NAME_LENGTH:
        start = data.rfind(_SMALL_NAME) + _NAME_LENGTH
        if start < _NAME_LENGTH:
            return data, b""
    end = data.find(b"\r\n", start)
    digits = data[start:end]
    if digits.isdigit() and len(digits) <= 18:
        return data[:start] + data[end:-1], digits
    return data, b""
