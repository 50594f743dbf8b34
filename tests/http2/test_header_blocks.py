from __future__ import annotations

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.http2 import frames
from modelyard.http2.frames import ConnectionFault, StreamFault
from modelyard.http2.header_blocks import HeaderBlockReader, constant_block
from modelyard.http2.request_heads import FieldList

LIMIT = 64 << 10
PSEUDO = [(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "epp")]

names = st.sampled_from(["te2", "x-a", "x-request-id", "content-type", "grpc-timeout", "user-agent", "cookie"])
values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, blacklist_characters="\x7f"), max_size=60)
field_lists = st.lists(st.tuples(names, values), max_size=8)
table_sizes = st.sampled_from([0, 60, 200, 4096])


def raw(fields: FieldList) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]


@given(st.lists(st.tuples(field_lists, st.booleans(), table_sizes | st.none()), min_size=1, max_size=12))
def test_what_one_encoder_writes_is_read_block_after_block(
    requests: list[tuple[FieldList, bool, int | None]],
) -> None:
    """Through one table on each side, which grows, evicts and is resized; repeated blocks come from memory."""
    encoder, reader = hpack.Encoder(), HeaderBlockReader(LIMIT)
    for fields, huffman, table_size in requests:
        if table_size is not None:
            encoder.header_table_size = table_size
        for _ in range(3):
            wanted = PSEUDO + fields
            assert reader.request(encoder.encode(raw(wanted), huffman=huffman)).fields == wanted


@given(st.lists(st.tuples(field_lists, st.sampled_from(["request", "trailers", "skip"])), min_size=1, max_size=10))
def test_trailers_and_skipped_blocks_keep_the_table_in_step(blocks: list[tuple[FieldList, str]]) -> None:
    encoder, reader = hpack.Encoder(), HeaderBlockReader(LIMIT)
    for fields, use in blocks:
        if use == "request":
            assert reader.request(encoder.encode(raw(PSEUDO + fields))).fields == PSEUDO + fields
        elif use == "trailers":
            assert reader.trailers(encoder.encode(raw(fields))) == fields
        else:
            reader.skip(encoder.encode(raw(fields)))


def test_an_equal_block_gives_the_same_head_until_the_table_changes() -> None:
    encoder, reader = hpack.Encoder(), HeaderBlockReader(LIMIT)
    reader.request(encoder.encode(raw(PSEUDO)))
    block = encoder.encode(raw(PSEUDO))
    first = reader.request(block)
    assert reader.request(block) is first
    reader.request(encoder.encode(raw([*PSEUDO, ("x-new", "1")])))
    assert reader.request(encoder.encode(raw(PSEUDO))) is not first


def test_equal_bytes_that_mean_something_else_by_now_are_read_anew() -> None:
    """0xBE is the newest entry of the table, whatever that is."""
    reader = HeaderBlockReader(LIMIT)
    static = b"\x83\x86\x04\x01/"
    newest = b"\xbe"

    def add(name: bytes, value: bytes) -> bytes:
        return b"\x40" + bytes([len(name)]) + name + bytes([len(value)]) + value

    reader.request(static + add(b"x-a", b"1"))
    for _ in range(2):
        assert reader.request(static + newest).by_name["x-a"] == "1"
    reader.request(static + add(b"x-b", b"2"))
    assert reader.request(static + newest).by_name["x-b"] == "2"
    reader.trailers(add(b"x-c", b"3"))
    assert reader.request(static + newest).by_name["x-c"] == "3"
    with pytest.raises(StreamFault):
        reader.request(add(b"X-D", b"4"))  # malformed, but it is in the table
    with pytest.raises(StreamFault):
        reader.request(static + newest)
    reader.trailers(b"\x20")  # a table of nothing
    with pytest.raises(ConnectionFault):
        reader.request(static + newest)


BROKEN = {
    "index 0": b"\x80",
    "index beyond the table": b"\xff\x80\x01",
    "literal's name beyond the table": b"\x7f\x80\x01\x01a",
    "string longer than the block": b"\x40\x05ab",
    "value missing": b"\x40\x01a",
    "number without an end": b"\xff" + b"\x80" * 40,
    "number cut off": b"\xff",
    "table larger than allowed": b"\x3f\xe2\x1f",
    "table size after a field": b"\x83\x20",
    "Huffman code of the end": b"\x40\x84\xff\xff\xff\xff\x00",
    "Huffman padding of zeros": b"\x40\x81\x00\x00",
}


@pytest.mark.parametrize("block", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_block_ends_the_connection(block: bytes) -> None:
    with pytest.raises(ConnectionFault) as caught:
        HeaderBlockReader(LIMIT).request(block)
    assert caught.value.code == frames.COMPRESSION_ERROR


@given(st.binary(max_size=80))
def test_no_bytes_break_the_reader(block: bytes) -> None:
    reader = HeaderBlockReader(LIMIT)
    for read in (reader.request, reader.trailers, reader.skip):
        try:
            read(block)
        except (ConnectionFault, StreamFault):
            continue


def test_a_small_block_that_unpacks_to_much_is_refused() -> None:
    """A header bomb: one long value in the table, then its index again and again."""
    reader = HeaderBlockReader(LIMIT)
    value = b"v" * 3000
    reader.trailers(b"\x40\x01a" + b"\x7f" + bytes([(3000 - 127) & 0x7F | 0x80, (3000 - 127) >> 7]) + value)
    with pytest.raises(ConnectionFault) as caught:
        reader.request(b"\xbe" * 1000)
    assert caught.value.code == frames.ENHANCE_YOUR_CALM


@pytest.mark.parametrize("repeated", [b"\xbe" * 15, b"\x91" * 20], ids=["of-the-table", "static"])
def test_heads_that_are_much_larger_than_their_blocks_are_not_remembered(repeated: bytes) -> None:
    reader = HeaderBlockReader(LIMIT)
    reader.request(b"\x83\x86\x84" + b"\x40\x01a\x7f\xa1\x1e" + b"v" * 4000)
    block = b"\x83\x86\x84" + repeated
    assert reader.request(block) is not reader.request(block)


def test_memory_of_blocks_is_bounded() -> None:
    reader = HeaderBlockReader(LIMIT)
    for number in range(1000):
        path = f"/{number:04d}".encode()
        assert reader.request(b"\x83\x86\x04\x05" + path).path == path.decode()
    assert len(reader._remembered) <= 64


latin = st.text(st.characters(max_codepoint=0xFF), max_size=300)


@given(st.lists(st.tuples(latin, latin), max_size=6), st.sampled_from(["200", "204", "400", "415", "503"]))
def test_constant_blocks_mean_the_same_on_every_connection(fields: FieldList, status: str) -> None:
    wanted = [(":status", status), *fields, ("content-type", "application/grpc")]
    block = constant_block(wanted)
    decoder = hpack.Decoder(max_header_list_size=1 << 20)
    for _ in range(2):
        assert [tuple(field) for field in decoder.decode(block, raw=True)] == raw(wanted)
    assert not decoder.header_table.dynamic_entries
