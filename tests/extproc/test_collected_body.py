"""Bodies in pieces."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from modelyard.extproc.collected_body import CollectedBody


@given(st.lists(st.binary(max_size=20), max_size=30), st.integers(1, 40))
def test_the_whole_is_its_pieces(pieces: list[bytes], times: int) -> None:
    body = CollectedBody()
    for piece in pieces * times:
        body.add(piece)
    assert body.whole() == b"".join(pieces * times)
    body.add(b"end")
    assert body.whole() == b"".join(pieces * times) + b"end"
    body.clear()
    assert body.whole() == b""


def test_single_bytes_take_little() -> None:
    body = CollectedBody()
    tracemalloc.start()
    for number in range(200_000):
        body.add(number.to_bytes(3, "big")[-1:] + b"")
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 1_000_000
    assert len(body.whole()) == 200_000


def test_large_pieces_are_copied_once() -> None:
    body = CollectedBody()
    for _ in range(300):
        body.add(b"x" * 65_536)
    assert len(body._pieces) == 300
    assert len(body.whole()) == 300 * 65_536
    assert body.whole() is body.whole()
