"""An approximate tokenizer: each four bytes of UTF-8 are one token, so counts are cheap, exact and the same
everywhere.

Real tokenizers average about four bytes per token on English text. Token ids are reversible: ids count all
strings of one byte, then of two, three and four, so any id below ``VOCABULARY`` has a text and every text has
ids.
"""

from __future__ import annotations

from collections.abc import Sequence

import xxhash

BYTES_PER_TOKEN = 4
_OFFSETS = (0, 0, 256, 256 + 256**2, 256 + 256**2 + 256**3)
VOCABULARY = _OFFSETS[4] + 256**4
"""Number of token ids."""


def count(text: bytes) -> int:
    """Tokens of ``text``; at least 1, as every prompt has a first token."""
    return (len(text) + 3) // BYTES_PER_TOKEN or 1


def encode(text: bytes) -> list[int]:
    """Token ids of ``text``."""
    pieces = (text[i : i + BYTES_PER_TOKEN] for i in range(0, len(text), BYTES_PER_TOKEN))
    return [_OFFSETS[len(piece)] + int.from_bytes(piece, "big") for piece in pieces]


def decode(ids: Sequence[int]) -> str:
    """Text of ``ids``; bytes that are no UTF-8 become U+FFFD. ValueError: an id outside the vocabulary."""
    return b"".join(map(_piece, ids)).decode("utf-8", "replace")


def pack(ids: Sequence[int]) -> bytes:
    """Prompt bytes for ``ids`` such that ``count`` gives ``len(ids)``: ids from ``encode`` give the text
    back, shorter pieces inside are padded. ValueError: an id outside the vocabulary."""
    head = b"".join(_piece(token).ljust(BYTES_PER_TOKEN, b"\0") for token in ids[:-1])
    return head + (_piece(ids[-1]) if ids else b"")


def block_hashes(text: bytes, block_size: int, parent: int) -> list[int]:
    """One hash per full block of ``block_size`` tokens, each over its block and all before it, starting from
    ``parent``.

    ``parent`` keeps adapters and cache salts apart: the same text under another parent shares nothing.
    """
    width = block_size * BYTES_PER_TOKEN
    hashes = []
    for start in range(0, len(text) - width + 1, width):
        parent = block_hash(text[start : start + width], parent)
        hashes.append(parent)
    return hashes


def block_hash(block: bytes, parent: int) -> int:
    """Hash of one block that follows the block (or root) with hash ``parent``."""
    return int(xxhash.xxh3_64_intdigest(block, seed=parent))


def _piece(token: int) -> bytes:
    if not 0 <= token < VOCABULARY:
        raise ValueError(f"token id {token} is outside the vocabulary (0 to {VOCABULARY - 1})")
    size = 4 if token >= _OFFSETS[4] else 3 if token >= _OFFSETS[3] else 2 if token >= _OFFSETS[2] else 1
    return (token - _OFFSETS[size]).to_bytes(size, "big")
