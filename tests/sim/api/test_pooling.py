from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from modelyard.sim.api.pooling import likeness, vector


@given(st.text(max_size=50), st.integers(1, 64))
def test_vectors_have_length_one(text: str, size: int) -> None:
    numbers = vector(text, size)
    assert len(numbers) == size
    assert math.isclose(sum(number * number for number in numbers), 1.0)


@given(st.text(max_size=50), st.text(max_size=50))
def test_likeness_is_symmetric_and_in_range(one: str, two: str) -> None:
    assert 0.0 <= likeness(one, two) <= 1.0
    assert math.isclose(likeness(one, two), likeness(two, one))
    assert math.isclose(likeness(one, one), 1.0)


def test_texts_that_share_words_are_nearer() -> None:
    query = "harbors in winter"
    assert likeness(query, "harbors freeze in winter") > likeness(query, "a cup of tea")
