from __future__ import annotations

import json

import pytest

from modelyard.bodies.sse_rename import MAX_HELD_BYTES, EventRenamer


def renamed(*chunks: bytes) -> bytes:
    renamer = EventRenamer("client")
    return b"".join(map(renamer.feed, chunks)) + renamer.finish()


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (b'data: {"model":"t"}\n\n', b'data: {"model":"client"}\n\n'),
        (b'data:{ "x" : 1 , "model" : "t" }\n\n', b'data:{ "x" : 1 , "model" : "client" }\n\n'),
        (b'data: {"mod\\u0065l":"a\\/b\\"c"}\n\n', b'data: {"mod\\u0065l":"client"}\n\n'),
        (b'data: {"x":{"model":"n"},"model":"t"}\n\n', b'data: {"x":{"model":"n"},"model":"client"}\n\n'),
        (b'data: {"response":{"model":"t"}}\n\n', b'data: {"response":{"model":"client"}}\n\n'),
        (b'data: {"message":{"x":[],"model":"t"}}\n\n', b'data: {"message":{"x":[],"model":"client"}}\n\n'),
        (b'data: {"message":"x","model":"t"}\n\n', b'data: {"message":"x","model":"client"}\n\n'),
    ],
)
def test_renames_where_events_name_the_model(event: bytes, expected: bytes) -> None:
    assert renamed(event) == expected
    assert renamed(event, event, event + event) == expected * 4


def test_encodes_the_name() -> None:
    renamer = EventRenamer('a"\\é')
    assert json.loads(renamer.feed(b'data: {"model":"t"}\n\n')[5:]) == {"model": 'a"\\é'}


def test_events_that_begin_otherwise_are_looked_into_again() -> None:
    events = [f'data: {{"id":"{at}","model":"t{at % 3}"}}\n\n'.encode() for at in range(6)]
    expected = [f'data: {{"id":"{at}","model":"client"}}\n\n'.encode() for at in range(6)]
    assert renamed(*events) == b"".join(expected)


def test_a_known_beginning_counts_at_the_beginning_of_a_line_only() -> None:
    event = b'data: {"model":"t"}\n\n'
    inner = b'data: {"x":"data: {\\"model\\":\\"t\\"}"}\n\n'
    comment = b": " + event
    shown = b'data: {"model":"client"}\n\n'
    assert renamed(event, inner, comment, event) == shown + inner + comment + shown


def test_lines_are_passed_on_when_whole() -> None:
    renamer = EventRenamer("client")
    assert renamer.feed(b'data: {"model"') == b""
    assert renamer.feed(b':"t"}\nda') == b'data: {"model":"client"}\n'
    assert renamer.feed(b"ta: [DONE]\n\n") == b"data: [DONE]\n\n"


def test_an_overlong_line_is_renamed_as_it_passes() -> None:
    long = b'data: {"output":"' + b"z" * 3 * MAX_HELD_BYTES + b'","model":"t"}\n\n'
    after = b'data: {"model":"t"}\n\n'
    expected = (long + after).replace(b'"t"', b'"client"')
    for size in (999, 50_000):
        renamer = EventRenamer("client")
        result, stream = b"", long + after
        for at in range(0, len(stream), size):
            result += renamer.feed(stream[at : at + size])
            assert at + size - len(result) <= MAX_HELD_BYTES + size
        assert result + renamer.finish() == expected
