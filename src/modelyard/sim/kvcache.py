"""The KV cache of a simulated engine: blocks, shared by prefix, the least recently used out first (as vLLM's
V1).

A block is in one of four places, and the four always sum to ``num_blocks``:

- *blank*: never held anything that may be reused;
- *private*: in use by one sequence and not yet full, or caching is off;
- *shared*: full, known by the hash of its text and all before it, in use by one sequence or more;
- *idle*: full and known by its hash, in use by none; reused on a hit, evicted when blanks run out.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence


class Lease:
    """Blocks that one running sequence holds."""

    __slots__ = ("hashes", "hits", "private")

    def __init__(self, hashes: list[int], private: int, hits: int) -> None:
        self.hashes = hashes
        """Its full blocks in order."""
        self.private = private
        """Its blocks that are not known by a hash."""
        self.hits = hits
        """How many full blocks were there before it came."""


class KvCache:
    """All blocks of one engine."""

    __slots__ = ("_blank", "_idle", "_private", "_shared", "caching", "num_blocks")

    def __init__(self, num_blocks: int, *, caching: bool = True) -> None:
        self.num_blocks = num_blocks
        self.caching = caching
        self._blank = num_blocks
        self._private = 0
        self._shared: dict[int, int] = {}
        self._idle: OrderedDict[int, None] = OrderedDict()

    @property
    def free(self) -> int:
        """Blocks that a new sequence can get."""
        return self._blank + len(self._idle)

    @property
    def used(self) -> int:
        return self._private + len(self._shared)

    @property
    def cached(self) -> int:
        """Blocks that a later request may hit."""
        return len(self._shared) + len(self._idle)

    @property
    def usage(self) -> float:
        """Share of blocks in use, 0 to 1; blocks kept only for reuse count as free, as in vLLM."""
        return self.used / self.num_blocks

    def hits(self, hashes: Sequence[int]) -> int:
        """How many blocks from the start of ``hashes`` are here."""
        if not self.caching:
            return 0
        for index, block in enumerate(hashes):
            if block not in self._shared and block not in self._idle:
                return index
        return len(hashes)

    def acquire(self, hashes: Sequence[int], blocks: int) -> Lease | None:
        """Blocks for a sequence of ``blocks`` blocks whose full ones are ``hashes``; None: not enough are
        free."""
        if not self.caching:
            return self._acquire_private(blocks)
        missing = sum(1 for block in hashes if block not in self._shared and block not in self._idle)
        revived = sum(1 for block in hashes if block in self._idle)
        partial = blocks - len(hashes)
        if missing + revived + partial > self.free:
            return None
        hits = self.hits(hashes)
        for block in hashes:
            self._share(block)
        self._take(partial)
        return Lease(list(hashes), partial, hits)

    def grow(self, lease: Lease) -> bool:
        """One more block for a sequence; False: none is free."""
        if not self.free:
            return False
        self._take(1)
        lease.private += 1
        return True

    def fill(self, lease: Lease, block: int) -> None:
        """The lease's oldest private block is full and has the hash ``block``: others may share it from now
        on."""
        if not self.caching:
            return
        lease.private -= 1
        lease.hashes.append(block)
        self._private -= 1
        self._blank += 1
        self._share(block)

    def release(self, lease: Lease) -> None:
        """Gives all blocks back; the last of a prompt become the first to be evicted."""
        self._private -= lease.private
        self._blank += lease.private
        for block in reversed(lease.hashes):
            users = self._shared[block] - 1
            if users:
                self._shared[block] = users
            else:
                del self._shared[block]
                self._idle[block] = None
        lease.private = 0
        lease.hashes = []

    def _acquire_private(self, blocks: int) -> Lease | None:
        if blocks > self.free:
            return None
        self._take(blocks)
        return Lease([], blocks, 0)

    def _share(self, block: int) -> None:
        users = self._shared.get(block)
        if users is not None:
            self._shared[block] = users + 1
            return
        if block in self._idle:
            del self._idle[block]
        else:
            self._evict_for(1)
            self._blank -= 1
        self._shared[block] = 1

    def _take(self, blocks: int) -> None:
        self._evict_for(blocks)
        self._blank -= blocks
        self._private += blocks

    def _evict_for(self, blocks: int) -> None:
        while self._blank < blocks:
            self._idle.popitem(last=False)
            self._blank += 1
