from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from modelyard.sim.kvcache import KvCache, Lease

BLOCKS = 12
chains = st.lists(st.integers(0, 3), max_size=6).map(
    lambda path: [hash(tuple(path[: end + 1])) for end in range(len(path))]
)
"""Block hashes as a prefix tree gives them: equal up to where the texts part."""


class KvCacheMachine(RuleBasedStateMachine):
    """Sequences come, grow and go in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = KvCache(BLOCKS)
        self.leases: list[Lease] = []
        self.fresh = 10**6

    @rule(hashes=chains, partial=st.integers(0, 2))
    def acquire(self, hashes: list[int], partial: int) -> None:
        hits, free = self.cache.hits(hashes), self.cache.free
        in_use = {block for lease in self.leases for block in lease.hashes}
        lease = self.cache.acquire(hashes, len(hashes) + partial)
        assert (lease is None) == (len(set(hashes) - in_use) + partial > free)
        if lease is not None:
            assert lease.hits == hits
            assert self.cache.hits(hashes) == len(hashes)
            self.leases.append(lease)

    @precondition(lambda self: self.leases)
    @rule(which=st.integers(0, 100))
    def grow_and_fill(self, which: int) -> None:
        lease = self.leases[which % len(self.leases)]
        free = self.cache.free
        assert self.cache.grow(lease) == (free > 0)
        if free:
            self.fresh += 1
            self.cache.fill(lease, self.fresh)

    @precondition(lambda self: self.leases)
    @rule(which=st.integers(0, 100))
    def release(self, which: int) -> None:
        self.cache.release(self.leases.pop(which % len(self.leases)))

    @invariant()
    def blocks_are_conserved(self) -> None:
        cache = self.cache
        assert cache.used + cache.free == BLOCKS
        assert 0.0 <= cache.usage <= 1.0
        private = sum(lease.private for lease in self.leases)
        shared = {block for lease in self.leases for block in lease.hashes}
        assert cache.used == private + len(shared)

    def teardown(self) -> None:
        for lease in self.leases:
            self.cache.release(lease)
        assert self.cache.free == BLOCKS


TestKvCacheMachine = KvCacheMachine.TestCase


def test_a_second_sequence_shares_the_blocks_of_the_first() -> None:
    cache = KvCache(10)
    assert cache.acquire([1, 2, 3], 4)
    second = cache.acquire([1, 2, 9], 4)
    assert second
    assert second.hits == 2
    assert cache.used == 3 + 1 + 1 + 1


def test_blocks_survive_their_sequence_until_the_room_is_needed() -> None:
    cache = KvCache(4)
    first = cache.acquire([1, 2], 2)
    assert first
    cache.release(first)
    assert (cache.used, cache.free, cache.hits([1, 2])) == (0, 4, 2)
    assert cache.acquire([], 3)
    assert cache.hits([1, 2]) == 1, "the end of a prefix goes before its start"


def test_the_least_recently_used_goes_first() -> None:
    cache = KvCache(3)
    for block in (1, 2, 3, 1):
        lease = cache.acquire([block], 1)
        assert lease
        cache.release(lease)
    assert cache.acquire([4], 1)
    assert [cache.hits([block]) for block in (1, 2, 3)] == [1, 0, 1]


def test_too_much_is_refused_and_changes_nothing() -> None:
    cache = KvCache(4)
    assert cache.acquire([1], 3)
    assert cache.acquire([2, 3], 2) is None
    assert (cache.used, cache.hits([2])) == (3, 0)


@given(st.lists(st.integers(0, 5), max_size=5))
def test_without_caching_nothing_is_ever_hit(hashes: list[int]) -> None:
    cache = KvCache(10, caching=False)
    lease = cache.acquire(hashes, len(hashes))
    assert lease
    cache.fill(lease, 1)
    cache.release(lease)
    assert (cache.cached, cache.hits(hashes), cache.free) == (0, 0, 10)
