"""Which endpoint has probably cached which prompt prefix: hashes of prompt blocks, kept per endpoint.

A prompt is cut into blocks and each block's hash includes the hash of the block before, so one hash stands for a
whole prefix. Blocks grow with the depth (16 of the base size, then 8 of each doubled size): a prompt of any length has
at most some 70 blocks, and a match is known to about 6 % of its length.

Every endpoint has a LRU list of hashes. A prefix is touched from its end to its beginning, so beginnings outlive
endings and the endpoints that hold a longer prefix are always among those that hold a shorter one. An inverted map
from hash to endpoints answers "who has how much of this?" without looking at endpoints that have nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Collection, Sequence
from itertools import pairwise

import msgspec
from xxhash import xxh3_64_intdigest

BYTES_PER_TOKEN = 4
"""Average of English text in current tokenizers; only ratios of lengths matter here."""

MAX_PAIRS = 1_000_000
"""(hash, endpoint) pairs kept per pool, some 200 bytes each at worst. Shared out evenly between endpoints."""

_FIRST_BLOCKS = 16
_BLOCKS_PER_DOUBLING = 8
_MAX_EVICTIONS = 512


class PrefixSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Shape of a prefix index."""

    block_tokens: int = 64
    """Tokens of the first blocks. Shorter prompts have no prefix worth keeping: computing 64 tokens again takes an
    engine about a millisecond."""
    max_tokens: int = 131_072
    """Prompts are compared up to here."""
    max_blocks: int = 2048
    """And up to this many blocks."""
    capacity_per_endpoint: int = 31_250
    """Hashes kept per endpoint; at 64 tokens each some 2 million tokens, more than an engine's cache."""


Group = tuple[int, Collection[int]]
"""A depth in blocks, and the slots that hold at least that much."""


class PrefixIndex:
    """The prefixes of one pool's endpoints, by slot."""

    def __init__(self, settings: PrefixSettings, max_pairs: int = MAX_PAIRS) -> None:
        self.settings = settings
        self._ends = _block_ends(settings)
        self._cuts = [slice(start, end) for start, end in pairwise([0, *self._ends])]
        self._holders: dict[int, int | set[int]] = {}
        self._lists: dict[int, OrderedDict[int, None]] = {}
        self._max_pairs = max_pairs
        self._last_prompt = b""
        self._last_model = ""
        self._last_chain: list[int] = []
        self._matches: dict[tuple[int, int], int] = {}
        """(blocks of a prompt, blocks of it that the endpoint was known to hold) -> prompts recorded."""

    def __len__(self) -> int:
        """(hash, endpoint) pairs kept."""
        return sum(len(entries) for entries in self._lists.values())

    def chain(self, model: str, prompt: bytes) -> list[int]:
        """Hashes of the prompt's whole blocks, in order. Engines do not share a cache between models or adapters."""
        if prompt is self._last_prompt and model == self._last_model:
            return self._last_chain
        if len(prompt) < self._ends[0]:
            return []
        link = xxh3_64_intdigest(model.encode())
        cuts = self._cuts[: bisect_right(self._ends, len(prompt))]
        chain = [link := xxh3_64_intdigest(prompt[cut], link) for cut in cuts]
        self._last_prompt, self._last_model, self._last_chain = prompt, model, chain
        return chain

    @property
    def last(self) -> tuple[str, bytes]:
        """Model and prompt that were asked for last."""
        return self._last_model, self._last_prompt

    def tokens(self, depth: int) -> int:
        """Tokens of the first ``depth`` blocks."""
        return self._ends[depth - 1] // BYTES_PER_TOKEN if depth else 0

    def groups(self, chain: Sequence[int]) -> list[Group]:
        """Who holds a part of ``chain``: deepest first, each group including the ones before it."""
        depth = self._longest(chain, len(chain), 1)
        groups: list[Group] = []
        while depth:
            held = self._holders[chain[depth - 1]]
            slots = (held,) if isinstance(held, int) else held
            groups.append((depth, slots))
            depth = self._longest(chain, depth - 1, len(slots) + 1)
        return groups

    def depth(self, slot: int, chain: Sequence[int]) -> int:
        """Leading blocks of ``chain`` that ``slot`` holds, by looking at its own list."""
        entries = self._lists.get(slot, ())
        for depth, link in enumerate(chain):
            if link not in entries:
                return depth
        return len(chain)

    def record(self, slot: int, chain: Sequence[int]) -> int:
        """A prompt was sent to ``slot``: its blocks will be cached there. How many it did not hold: the last ones."""
        if not chain:
            return 0
        entries = self._lists.get(slot)
        if entries is None:
            entries = self._lists[slot] = OrderedDict()
        before = len(entries)
        for link in reversed(chain):
            if link in entries:
                entries.move_to_end(link)
            else:
                entries[link] = None
                self._hold(link, slot)
        new = len(entries) - before
        match = (len(chain), len(chain) - new)
        self._matches[match] = self._matches.get(match, 0) + 1
        self._shrink(slot, entries)
        return new

    def take_matches(self) -> dict[tuple[int, int], int]:
        """How many prompts were recorded since this was last asked, by (bytes of the prompt's whole blocks, bytes of
        it that the endpoint was known to hold)."""
        matches, self._matches = self._matches, {}
        ends = (0, *self._ends)
        return {(ends[whole], ends[held]): times for (whole, held), times in matches.items()}

    def retract(self, slot: int, links: Sequence[int]) -> None:
        """The prompt with these last blocks was not served by ``slot`` after all."""
        entries: dict[int, None] = self._lists.get(slot) or {}
        for link in links:
            if link in entries:
                del entries[link]
                self._drop(link, slot)

    def forget(self, slot: int) -> None:
        """The endpoint is gone, or its cache is."""
        for link in self._lists.pop(slot, ()):
            self._drop(link, slot)

    def _longest(self, chain: Sequence[int], limit: int, least: int) -> int:
        """Length, up to ``limit``, of the longest prefix that at least so many hold: holders are nested, so halving
        finds it."""
        holders = self._holders
        low, high = 0, limit
        while low < high:
            middle = (low + high + 1) // 2
            held = holders.get(chain[middle - 1])
            if held is not None and (least == 1 or (not isinstance(held, int) and len(held) >= least)):
                low = middle
            else:
                high = middle - 1
        return low

    def _hold(self, link: int, slot: int) -> None:
        held = self._holders.get(link)
        if held is None:
            self._holders[link] = slot
        elif isinstance(held, int):
            self._holders[link] = {held, slot}
        else:
            held.add(slot)

    def _drop(self, link: int, slot: int) -> None:
        held = self._holders[link]
        if isinstance(held, int):
            del self._holders[link]
            return
        held.discard(slot)
        if len(held) == 1:
            self._holders[link] = held.pop()

    def _shrink(self, slot: int, entries: OrderedDict[int, None]) -> None:
        """Keep within the endpoint's share; a share that shrank (new endpoints) is reached over several calls."""
        share = min(self.settings.capacity_per_endpoint, self._max_pairs // len(self._lists))
        excess = min(len(entries) - share, _MAX_EVICTIONS)
        for _ in range(excess):
            self._drop(entries.popitem(last=False)[0], slot)


def _block_ends(settings: PrefixSettings) -> list[int]:
    """Where blocks end, in bytes of the prompt."""
    size = settings.block_tokens * BYTES_PER_TOKEN
    limit = max(settings.max_tokens * BYTES_PER_TOKEN, size)
    ends: list[int] = []
    end = 0
    left = _FIRST_BLOCKS
    while len(ends) < settings.max_blocks and end + size <= limit:
        end += size
        ends.append(end)
        left -= 1
        if not left:
            left = _BLOCKS_PER_DOUBLING
            size *= 2
    return ends
