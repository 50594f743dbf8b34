from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.bodies.json_end import ObjectEnd


def found(text: bytes, *cuts: int) -> int:
    """Where the object ends, of all the pieces."""
    end = ObjectEnd()
    for start, stop in pairwise((0, *sorted(cuts), len(text))):
        if at := end.find(text, start, stop):
            return at
    return 0


@pytest.mark.parametrize(
    "text",
    [b"{}", b'{"}":"{"}', rb'{"a":"\\","b\"}":["}",{}]}', b'{"a":[[{}],{}],"b":""}', '{"é}":"\\u007d"}'.encode()],
)
@pytest.mark.parametrize("rest", [b"", b"}", b'"', b'{"', b"\\"])
def test_at_every_split(text: bytes, rest: bytes) -> None:
    whole = text + rest
    assert found(whole) == len(text)
    assert {found(whole, cut) for cut in range(len(whole))} == {len(text)}
    assert found(whole, *range(len(whole))) == len(text)
    assert found(text[:-1], *range(len(text))) == 0


def test_pieces_lie_anywhere_in_their_text() -> None:
    end = ObjectEnd()
    assert end.find(b'}{"a\\":{}', 1, 5) == 0
    assert end.find(b'"}"}}', 0, 4) == 4


_values = st.recursive(
    st.none() | st.text(st.sampled_from('{}[]"\\aé'), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(['"', "}", "a\\"]), inner, max_size=3),
    max_leaves=10,
)


@given(value=_values, plain=st.booleans(), cuts=st.lists(st.integers(0, 200), max_size=8))
def test_as_an_encoder_writes_it(value: Any, plain: bool, cuts: list[int]) -> None:
    text = json.dumps({"a": value}, ensure_ascii=plain).encode()
    whole = text + b',"b":{}}'
    assert found(whole, *(cut % len(whole) for cut in cuts)) == len(text)
