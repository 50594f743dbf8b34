from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.bodies.json_rename import ValueRenamer
from modelyard.bodies.json_scan import TOP_LEVEL_MODEL


def renamed(chunks: list[bytes]) -> bytes:
    renamer = ValueRenamer(TOP_LEVEL_MODEL, b'"new"')
    return b"".join([renamer.feed(chunk) for chunk in chunks]) + renamer.finish()


TEXTS = [
    b'{"id":"x","model":"target","y":{"model":"n"}}',
    b'{\n  "data": [{"model": "n"}, "\\"model\\": \\"n\\""],\n  "mod\\u0065l" : "tar\\/g\\"et"\n}',
    b'{"x":"\\\\","model":"a"}',
]


def test_renames_however_the_text_is_split() -> None:
    for text in TEXTS:
        expected = json.loads(text) | {"model": "new"}
        assert json.loads(renamed([text])) == expected
        assert json.loads(renamed([text[at : at + 1] for at in range(len(text))])) == expected
        for cut in range(len(text) + 1):
            assert json.loads(renamed([text[:cut], text[cut:]])) == expected


def test_leaves_other_texts_alone() -> None:
    for text in (
        b"",
        b"not json",
        b'{"model":3}',
        b'["model"]',
        b'{"model":"cut',
        b'{"mod',
        b'{"error":{"message":"x"}}',
    ):
        assert renamed([text[at : at + 1] for at in range(len(text))]) == text


def test_unchanged_chunks_pass_as_they_are() -> None:
    renamer = ValueRenamer(TOP_LEVEL_MODEL, b'"new"')
    for chunk in (b'{"data":[0.1,', b"0.2", b"]"):
        assert renamer.feed(chunk) is chunk
    assert renamer.feed(b',"model":"a"') == b',"model":"new"'
    rest = b',"model":"b"}'
    assert renamer.feed(rest) is rest


def test_what_is_held_back_is_small() -> None:
    renamer = ValueRenamer(TOP_LEVEL_MODEL, b'"new"')
    sent = got = 0
    for chunk in [b'{"x":"', *[b"y" * 1_000] * 300, b'","model":"', *[b"z" * 1_000] * 300]:
        sent += len(chunk)
        got += len(renamer.feed(chunk))
        assert sent - got <= 17_000


@settings(max_examples=150)
@given(
    before=st.dictionaries(
        st.text('am"\\{[', max_size=4),
        st.text('am"\\{[', max_size=4) | st.lists(st.just({"model": "n"})),
        max_size=4,
    ),
    model=st.text('ab"\\/é', max_size=6),
    after=st.dictionaries(st.text("xyz", max_size=4), st.integers(), max_size=2),
    cuts=st.lists(st.integers(0, 300), max_size=5),
)
def test_agrees_with_a_decoder(before: dict[str, Any], model: str, after: dict[str, Any], cuts: list[int]) -> None:
    members = before | {"model": model} | after
    text = json.dumps(members).encode()
    points = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    result = renamed([text[a:b] for a, b in pairwise(points)])
    assert list(json.loads(result).items()) == list((members | {"model": "new"}).items())
