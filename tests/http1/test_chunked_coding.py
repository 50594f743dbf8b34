from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.http1.chunked_coding import (
    LAST_CHUNK,
    MAX_EXTENSIONS,
    MAX_SIZE_LINE,
    MAX_TRAILERS,
    ChunkedDecoder,
    MalformedChunk,
    encode_chunk,
    encode_end,
)

BODY = b"5\r\nhello\r\nA;x=y\r\n, you all!\r\n0\r\nExpires: never\r\n\r\n"
PAYLOAD = b"hello, you all!"


def feed_all(pieces: list[bytes]) -> tuple[bytes, ChunkedDecoder]:
    decoder = ChunkedDecoder()
    return b"".join([decoder.feed(piece) for piece in pieces]), decoder


def test_whole() -> None:
    payload, decoder = feed_all([BODY + b"GET /next"])
    assert payload == PAYLOAD
    assert decoder.done
    assert decoder.rest == b"GET /next"
    assert decoder.trailers == [("expires", "never")]


def test_byte_by_byte() -> None:
    payload, decoder = feed_all([BODY[i : i + 1] for i in range(len(BODY))])
    assert payload == PAYLOAD
    assert decoder.done
    assert decoder.rest == b""


@pytest.mark.parametrize("at", range(len(BODY) + 1))
def test_split_at_every_offset(at: int) -> None:
    payload, decoder = feed_all([BODY[:at], BODY[at:] + b"rest"])
    assert payload == PAYLOAD
    assert decoder.done
    assert decoder.rest == b"rest"
    assert decoder.trailers == [("expires", "never")]


REFUSED = {
    "no size": b"\r\nhello\r\n",
    "not hexadecimal": b"g\r\n",
    "sign": b"+5\r\nhello\r\n",
    "minus": b"-5\r\nhello\r\n",
    "prefix": b"0x5\r\nhello\r\n",
    "underscore": b"1_0\r\n",
    "space before": b" 5\r\nhello\r\n",
    "space behind": b"5 \r\nhello\r\n",
    "bare LF": b"5\nhello\r\n",
    "bare LF after data": b"5\r\nhello\n0\r\n\r\n",
    "bare CR": b"5\rhello\r\n",
    "no CRLF after data": b"5\r\nhelloX\r\n",
    "data too long": b"5\r\nhello!\r\n",
    "data too short": b"5\r\nhell\r\n0\r\n\r\n",
    "huge size": b"10000000000000000\r\n",
    "control character in an extension": b"5;a\x01\r\nhello\r\n",
    "LF in an extension": b"5;a\nb\r\nhello\r\n",
    "long extension": b"5;" + b"a" * MAX_SIZE_LINE + b"\r\n",
    "line without end": b"5" * (MAX_SIZE_LINE + 3),
    "trailer with LF": b"0\r\nA: b\n\r\n",
    "folded trailer": b"0\r\nA: b\r\n c\r\n\r\n",
    "trailer without a colon": b"0\r\nabc\r\n\r\n",
    "long trailers": b"0\r\n" + b"A: b\r\n" * (MAX_TRAILERS // 6 + 1) + b"\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_broken_coding_is_refused(name: str) -> None:
    data = REFUSED[name]
    with pytest.raises(MalformedChunk):
        feed_all([data])
    with pytest.raises(MalformedChunk):
        feed_all([data[i : i + 1] for i in range(len(data))])


def test_extensions_are_bounded_in_all() -> None:
    with pytest.raises(MalformedChunk):
        feed_all([b"1;abc\r\nx\r\n"] * MAX_EXTENSIONS)


def test_whole_chunks_may_be_passed_on_as_they_are() -> None:
    decoder = ChunkedDecoder()
    for data, aligned in [
        (b"5\r\nhello\r\n", True),
        (b"5\r\nhello\r\n", True),
        (b"5\r\nhello\r\n3\r\nyou\r\n", True),
        (b"5\r\nhel", False),
        (b"lo\r\n", False),
        (b"1;x\r\na\r\n", False),
        (b"1\r\na\r\n2", False),
        (b"\r\nab\r\n", False),
        (b"1\r\na\r\n", True),
        (LAST_CHUNK, False),
    ]:
        decoder.feed(data)
        assert decoder.aligned is aligned, data


@given(st.lists(st.binary(max_size=300), max_size=8), st.data())
def test_what_is_encoded_is_decoded(pieces: list[bytes], data: st.DataObject) -> None:
    wire = b"".join(encode_chunk(piece) for piece in pieces) + encode_end([("x-a", "b")])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    parts = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    payload, decoder = feed_all(parts)
    assert payload == b"".join(pieces)
    assert decoder.done
    assert decoder.trailers == [("x-a", "b")]


@given(st.binary(max_size=100))
def test_any_bytes_end_in_payload_or_refusal(junk: bytes) -> None:
    outcomes = []
    for parts in ([junk], [junk[i : i + 1] for i in range(len(junk))]):
        try:
            payload, decoder = feed_all(parts)
            outcomes.append((payload, decoder.done))
        except MalformedChunk:
            outcomes.append((b"", None))
    if None not in {done for _, done in outcomes}:
        assert outcomes[0] == outcomes[1]


def test_an_empty_payload_is_no_chunk() -> None:
    assert encode_chunk(b"") == b""
    assert encode_end([]) == LAST_CHUNK
