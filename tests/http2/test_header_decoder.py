"""Held against the hpack library, block after block through both tables."""

from __future__ import annotations

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.http2 import frames
from modelyard.http2.frames import ConnectionFault
from modelyard.http2.header_decoder import HeaderDecoder

LIMIT = 64 << 10

names = st.sampled_from([b"te", b"x-a", b"x-request-id", b":path", b":status", b"cookie", b"", b"accept-encoding"])
values = st.binary(max_size=60) | st.sampled_from([b"", b"/", b"200", b"gzip, deflate", b"trailers", b"v" * 2000])
blocks_of_fields = st.lists(
    st.tuples(
        st.lists(st.tuples(names | st.binary(max_size=6), values, st.booleans()), max_size=8),
        st.booleans(),
        st.sampled_from([None, None, 0, 33, 60, 200, 4096]),
    ),
    min_size=1,
    max_size=10,
)


@settings(max_examples=50)
@given(blocks_of_fields)
def test_what_the_library_writes_is_read(
    blocks: list[tuple[list[tuple[bytes, bytes, bool]], bool, int | None]],
) -> None:
    encoder, decoder = hpack.Encoder(), HeaderDecoder(LIMIT)
    for fields, huffman, table_size in blocks:
        if table_size is not None:
            encoder.header_table_size = table_size
        found = decoder.decode(encoder.encode(fields, huffman=huffman))
        assert [(name.encode("latin-1"), value.encode("latin-1")) for name, value in found] == [
            (name, value) for name, value, _ in fields
        ]


def both(ours: HeaderDecoder, theirs: hpack.Decoder, block: bytes) -> bool:
    """Whether the block could be read, by both or by none; what was read is the same."""
    try:
        wanted = [tuple(field) for field in theirs.decode(block, raw=True)]
    except hpack.HPACKError:
        with pytest.raises(ConnectionFault):
            ours.decode(block)
        return False
    found = ours.decode(block)
    assert [(name.encode("latin-1"), value.encode("latin-1")) for name, value in found] == wanted
    return True


@given(st.lists(st.binary(max_size=30), max_size=6))
def test_any_bytes_are_read_or_refused_as_the_library_does(blocks: list[bytes]) -> None:
    ours, theirs = HeaderDecoder(LIMIT), hpack.Decoder(LIMIT)
    for block in blocks:
        if not both(ours, theirs, block):
            return


@settings(max_examples=50)
@given(blocks_of_fields, st.lists(st.tuples(st.integers(0, 9), st.integers(0, 200), st.integers(0, 255)), max_size=4))
def test_damaged_blocks_are_read_or_refused_as_the_library_does(
    blocks: list[tuple[list[tuple[bytes, bytes, bool]], bool, int | None]], damage: list[tuple[int, int, int]]
) -> None:
    encoder, ours, theirs = hpack.Encoder(), HeaderDecoder(LIMIT), hpack.Decoder(LIMIT)
    for count, (fields, huffman, table_size) in enumerate(blocks):
        if table_size is not None:
            encoder.header_table_size = table_size
        block = bytearray(encoder.encode(fields, huffman=huffman))
        for which, at, byte in damage:
            if which == count and at < len(block):
                block[at] = byte
        if not both(ours, theirs, bytes(block)):
            return


EXAMPLES = {
    "C.2.1 literal with indexing": (
        "400a637573746f6d2d6b65790d637573746f6d2d686561646572",
        ("custom-key", "custom-header"),
    ),
    "C.2.2 literal without": ("040c2f73616d706c652f70617468", (":path", "/sample/path")),
    "C.2.3 literal never": ("100870617373776f726406736563726574", ("password", "secret")),
    "C.2.4 indexed": ("82", (":method", "GET")),
    "C.4.1 Huffman": ("418cf1e3c2e5f23a6ba0ab90f4ff", (":authority", "www.example.com")),
}


@pytest.mark.parametrize(("block", "wanted"), EXAMPLES.values(), ids=EXAMPLES.keys())
def test_the_examples_of_the_standard(block: str, wanted: tuple[str, str]) -> None:
    assert HeaderDecoder(LIMIT).decode(bytes.fromhex(block)) == [wanted]


def test_a_list_is_as_long_as_the_limit_at_most() -> None:
    """Name and value have 32 bytes more each (RFC 9113, section 6.5.2)."""
    field = b"\x00\x01a\x01b"
    assert len(HeaderDecoder(34 * 10).decode(field * 10)) == 10
    with pytest.raises(ConnectionFault) as caught:
        HeaderDecoder(34 * 10).decode(field * 11)
    assert caught.value.code == frames.ENHANCE_YOUR_CALM


def test_changes_are_counted() -> None:
    decoder = HeaderDecoder(LIMIT)
    seen: list[int] = []
    for block in (b"\x82", b"\x00\x01a\x01b", b"\x40\x01a\x01b", b"\xbe", b"\x20", b"\x3f\xe1\x1f\x82"):
        decoder.decode(block)
        seen.append(decoder.changes)
    assert seen == [0, 0, 1, 1, 2, 3]


def test_the_table_never_has_more_than_its_size() -> None:
    decoder = HeaderDecoder(LIMIT)
    for size in (10, 3000, 900, 4031, 5000, 1, 4060):
        value = b"v" * size
        length = bytes((size,)) if size < 127 else bytes((127, (size - 127) & 0x7F | 0x80, (size - 127) >> 7))
        decoder.decode(b"\x40\x01a" + length + value)
        assert decoder._size == sum(len(name) + len(text) + 32 for name, text in decoder._dynamic) <= 4096
    assert [len(text) for _, text in decoder._dynamic] == [4060]
