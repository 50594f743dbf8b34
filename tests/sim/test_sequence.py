from __future__ import annotations

import pytest

from modelyard.sim.sequence import Sequence


def test_a_prompt_is_cut_into_blocks_and_a_tail() -> None:
    sequence = Sequence(b"x" * 70, None, block_size=8)
    assert sequence.prompt_tokens == 18
    assert len(sequence.hashes) == 2
    assert bytes(sequence.tail) == b"x" * 6 + b"\0\0", "the last token is padded"


def test_an_empty_prompt_is_one_token() -> None:
    assert Sequence(b"", None, block_size=8).tokens == 1


def test_an_adapter_shares_no_blocks_with_its_base() -> None:
    base = Sequence(b"x" * 64, None, block_size=16)
    adapter = Sequence(b"x" * 64, None, block_size=16, root=7, lora="a")
    assert base.hashes != adapter.hashes


def test_without_caching_nothing_is_hashed() -> None:
    sequence = Sequence(b"x" * 640, None, block_size=16, caching=False)
    assert (sequence.hashes, bytes(sequence.tail)) == ([], b"")


def test_a_waiting_sequence_holds_no_blocks() -> None:
    with pytest.raises(RuntimeError, match="holds no blocks"):
        _ = Sequence(b"x", None, block_size=16).held
