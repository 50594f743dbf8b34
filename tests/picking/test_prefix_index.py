"""The prefix index against the plain meaning of its words."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.picking.prefix_index import PrefixIndex, PrefixSettings

SMALL = PrefixSettings(block_tokens=1, capacity_per_endpoint=20)
TEXTS = st.text(alphabet="ab", min_size=0, max_size=60).map(str.encode)


def new_index(settings: PrefixSettings | None = None, max_pairs: int = 1000) -> PrefixIndex:
    return PrefixIndex(settings or PrefixSettings(), max_pairs)


def test_a_prompt_shorter_than_a_block_has_no_prefix() -> None:
    index = new_index()
    assert index.chain("m", b"x" * 255) == []
    assert len(index.chain("m", b"x" * 256)) == 1


def test_chains_share_exactly_the_blocks_that_prompts_share() -> None:
    index = new_index()
    head = random.Random(1).randbytes(1024)
    one = index.chain("m", head + b"one" * 200)
    two = index.chain("m", head + b"two" * 200)
    assert one[:4] == two[:4]
    assert not set(one[4:]) & set(two[4:])


def test_models_share_nothing() -> None:
    index = new_index()
    assert not set(index.chain("base", b"x" * 2000)) & set(index.chain("adapter", b"x" * 2000))


def test_equal_blocks_at_other_depths_differ() -> None:
    chain = new_index().chain("m", b"x" * 4096)
    assert len(set(chain)) == len(chain)


def test_blocks_grow_so_that_long_prompts_stay_cheap() -> None:
    index = new_index()
    assert len(index.chain("m", b"x" * 4096)) == 16
    assert len(index.chain("m", b"x" * 8192)) == 24
    assert len(index.chain("m", b"x" * 10_000_000)) <= 72
    assert index.tokens(16) == 1024
    assert index.tokens(24) == 2048
    assert index.tokens(0) == 0


def test_limits_of_prompts_are_kept() -> None:
    assert len(new_index(PrefixSettings(max_blocks=3)).chain("m", b"x" * 9000)) == 3
    assert len(new_index(PrefixSettings(max_tokens=128)).chain("m", b"x" * 9000)) == 2


def test_groups_name_who_holds_how_much() -> None:
    index = new_index()
    head = b"h" * 1024
    long = index.chain("m", head + b"x" * 1024)
    for slot in (1, 2, 3):
        index.record(slot, index.chain("m", head))
    index.record(7, long)
    assert [(depth, set(slots)) for depth, slots in index.groups(long)] == [(8, {7}), (4, {1, 2, 3, 7})]
    assert index.groups(index.chain("m", b"z" * 3000)) == []
    assert index.groups([]) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), TEXTS), max_size=40), TEXTS)
def test_groups_say_what_each_endpoints_own_list_says(sent: list[tuple[int, bytes]], asked: bytes) -> None:
    index = new_index(SMALL, max_pairs=60)
    for slot, text in sent:
        index.record(slot, index.chain("m", text))
    chain = index.chain("m", asked)
    depths = dict.fromkeys(range(4), 0)
    for depth, slots in reversed(index.groups(chain)):
        depths.update(dict.fromkeys(slots, depth))
    assert depths == {slot: index.depth(slot, chain) for slot in range(4)}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), TEXTS, st.booleans()), max_size=60))
def test_memory_is_bounded_and_the_two_maps_agree(sent: list[tuple[int, bytes, bool]]) -> None:
    index = new_index(SMALL, max_pairs=40)
    for slot, text, forget in sent:
        index.record(slot, index.chain("m", text))
        if forget:
            index.forget(slot)
    assert all(len(entries) <= 20 for entries in index._lists.values())
    pairs = {(link, slot) for slot, entries in index._lists.items() for link in entries}
    held = {
        (link, slot)
        for link, slots in index._holders.items()
        for slot in (slots if isinstance(slots, set) else (slots,))
    }
    assert pairs == held
    assert len(index) == len(pairs)


def test_the_longest_unused_is_forgotten_first() -> None:
    index = new_index(PrefixSettings(capacity_per_endpoint=12))
    old, kept, new = (index.chain("m", bytes([n]) * 1024) for n in (1, 2, 3))
    for chain in (old, kept, new, kept):
        index.record(0, chain)
    index.record(0, index.chain("m", bytes([4]) * 1024))
    assert index.depth(0, old) == 0
    assert index.depth(0, kept) == 4
    assert index.depth(0, new) == 4


def test_of_a_prompt_the_end_is_forgotten_before_the_beginning() -> None:
    index = new_index(PrefixSettings(capacity_per_endpoint=5))
    chain = index.chain("m", b"x" * 2048)
    index.record(0, chain)
    assert index.depth(0, chain) == 5


def test_new_endpoints_take_their_share_of_the_memory() -> None:
    index = new_index(max_pairs=40)
    for slot in (0, 1, 2, 3):
        index.record(slot, index.chain("m", bytes([slot]) * 9000))
    for slot in (0, 1, 2, 3):
        index.record(slot, index.chain("m", bytes([slot]) * 512))
    assert len(index) <= 40


def test_forgetting_an_unknown_endpoint_is_nothing() -> None:
    new_index().forget(3)


@pytest.mark.parametrize("prompt", [b"", b"\xff" * 300, bytes(range(256)) * 3])
def test_any_bytes_are_a_prompt(prompt: bytes) -> None:
    assert new_index().chain("modèle", prompt) == new_index().chain("modèle", bytes(prompt))


def test_recording_tells_what_is_new_and_retracting_takes_exactly_that_back() -> None:
    index = new_index()
    head = random.Random(1).randbytes(1024)
    short, long = index.chain("m", head), index.chain("m", head + b"more" * 400)
    assert index.record(1, short) == len(short) == 4
    assert index.record(1, short) == 0
    new = index.record(1, long)
    assert new == len(long) - 4
    index.record(2, long)
    index.retract(1, long[-new:])
    assert index.depth(1, long) == 4
    assert index.depth(2, long) == len(long)
    assert [slots for _, slots in index.groups(long)] == [(2,), {1, 2}]
    index.retract(1, long)
    index.retract(7, long)
    assert index.depth(1, long) == 0
    assert len(index) == len(long)


def test_matches_are_counted_in_bytes_and_taken_once() -> None:
    index = PrefixIndex(PrefixSettings())
    prompt = b"x" * 1024
    index.record(0, index.chain("m", prompt[:512]))
    index.record(0, index.chain("m", prompt))
    index.record(1, index.chain("m", prompt))
    assert index.take_matches() == {(512, 0): 1, (1024, 512): 1, (1024, 0): 1}
    assert index.take_matches() == {}
