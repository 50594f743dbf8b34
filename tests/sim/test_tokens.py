from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.sim import tokens

texts = st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))


@given(texts)
def test_ids_give_the_text_back(text: bytes) -> None:
    assert tokens.decode(tokens.encode(text)) == text.decode()


@given(texts)
def test_count_is_the_number_of_ids(text: bytes) -> None:
    assert tokens.count(text) == max(1, len(tokens.encode(text)))


@given(texts)
def test_packing_ids_of_a_text_gives_the_text(text: bytes) -> None:
    assert tokens.pack(tokens.encode(text)) == text


@given(st.lists(st.integers(0, tokens.VOCABULARY - 1), min_size=1, max_size=50))
def test_any_ids_pack_to_as_many_tokens(ids: list[int]) -> None:
    assert tokens.count(tokens.pack(ids)) == len(ids)


@pytest.mark.parametrize("token", [-1, tokens.VOCABULARY])
def test_ids_outside_the_vocabulary_are_refused(token: int) -> None:
    with pytest.raises(ValueError, match="outside the vocabulary"):
        tokens.decode([token])


@given(texts, texts, st.integers(1, 8))
def test_a_shared_prefix_shares_its_block_hashes(prefix: bytes, more: bytes, block_size: int) -> None:
    alone = tokens.block_hashes(prefix, block_size, 0)
    assert tokens.block_hashes(prefix + more, block_size, 0)[: len(alone)] == alone


def test_parents_keep_equal_texts_apart() -> None:
    text = b"x" * 64
    assert tokens.block_hashes(text, 16, 1) != tokens.block_hashes(text, 16, 2)


def test_a_changed_first_byte_changes_every_hash() -> None:
    one, two = tokens.block_hashes(b"a" + b"x" * 191, 16, 0), tokens.block_hashes(b"b" + b"x" * 191, 16, 0)
    assert len(one) == 3
    assert not set(one) & set(two)
