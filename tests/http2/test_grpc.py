from __future__ import annotations

import tracemalloc
from itertools import pairwise
from urllib.parse import unquote_to_bytes

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.http2 import grpc
from modelyard.http2.grpc import GrpcFault, MessageReader
from modelyard.http2.request_heads import RequestHead

LIMIT = 200
messages = st.lists(st.binary(max_size=LIMIT), max_size=6)


def written(wanted: list[bytes]) -> bytes:
    return b"".join(grpc.prefix(len(message)) + message for message in wanted)


def read_all(reader: MessageReader, data: bytes) -> list[bytes]:
    reader.feed(data)
    found: list[bytes] = []
    while (message := reader.next()) is not None:
        found.append(message)
    return found


@given(messages, st.lists(st.integers(0, 1300), max_size=8))
def test_messages_come_out_as_they_went_in_wherever_the_bytes_are_cut(wanted: list[bytes], cuts: list[int]) -> None:
    data = written(wanted)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    reader = MessageReader(LIMIT)
    found: list[bytes] = []
    for start, end in pairwise(places):
        found += read_all(reader, data[start:end])
        assert reader.partial == (len(written(found)) != end)
        assert reader.kept <= end
    assert found == wanted
    assert (reader.kept, reader.partial) == (0, False)


def test_pieces_of_a_byte_or_two_are_kept_together() -> None:
    """Each that is kept costs some sixty bytes beside its own."""
    reader = MessageReader(1 << 20)
    reader.feed(b"\0\0\x01\x86\xa0")
    tracemalloc.start()
    try:
        for number in range(49_999):
            assert reader.next() is None
            reader.feed(b"%02d" % (number % 100))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 300_000
    reader.feed(b"zz")
    assert reader.next() == b"".join(b"%02d" % (number % 100) for number in range(49_999)) + b"zz"


def test_every_split_and_byte_by_byte() -> None:
    wanted = [b"", b"one", b"", b"x" * 60]
    data = written(wanted)
    for at in range(len(data) + 1):
        reader = MessageReader(LIMIT)
        assert read_all(reader, data[:at]) + read_all(reader, data[at:]) == wanted
    reader = MessageReader(LIMIT)
    assert [m for at in range(len(data)) for m in read_all(reader, data[at : at + 1])] == wanted


@given(st.binary(max_size=LIMIT + 20))
def test_one_message_alone_is_seen_as_such(data: bytes) -> None:
    for candidate in (data, written([data]), written([data, b""]), written([data])[:-1]):
        reader = MessageReader(LIMIT)
        try:
            found: list[bytes] | None = read_all(reader, candidate)
        except GrpcFault:
            found = None
        alone = grpc.only_message(candidate, LIMIT)
        assert alone == (found[0] if found and len(found) == 1 and not reader.partial else None)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x01\0\0\0\x01x", grpc.UNIMPLEMENTED),
        (b"\x02\0\0\0\x01x", grpc.INTERNAL),
        (b"\xff\0\0\0\0", grpc.INTERNAL),
        (b"\0\0\0\0\xc9", grpc.RESOURCE_EXHAUSTED),
        (b"\0\xff\xff\xff\xff", grpc.RESOURCE_EXHAUSTED),
    ],
)
def test_messages_that_are_not_taken_end_the_call(data: bytes, status: int) -> None:
    assert grpc.only_message(data, LIMIT) is None
    with pytest.raises(GrpcFault) as caught:
        read_all(MessageReader(LIMIT), data)
    assert caught.value.status == status


def head(**values: str) -> RequestHead:
    by_name = {":method": "POST", ":path": "/a.B/C"} | {name.replace("_", "-"): value for name, value in values.items()}
    return RequestHead(list(by_name.items()), by_name)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1H", 3600.0), ("2M", 120.0), ("99999999S", 99999999.0), ("5m", 0.005), ("5u", 5e-6), ("5n", 5e-9), ("0m", 0.0)],
)
def test_timeouts(text: str, seconds: float) -> None:
    assert grpc.timeout_seconds(head(grpc_timeout=text)) == pytest.approx(seconds)


def test_no_timeout() -> None:
    assert grpc.timeout_seconds(head()) is None


@pytest.mark.parametrize("text", ["", "5", "S", "5s", "-5S", "+5S", "5.0S", "123456789S", "5S,5S", "5 S", "٣S"])
def test_timeouts_that_are_none_end_the_call(text: str) -> None:
    with pytest.raises(GrpcFault):
        grpc.timeout_seconds(head(grpc_timeout=text))


@pytest.mark.parametrize(
    ("content_type", "wanted"),
    [
        ("application/grpc", True),
        ("application/grpc+proto", True),
        ("Application/gRPC", True),
        ("application/grpc;charset=utf-8", True),
        ("application/grpc+proto ; a=b", True),
        ("application/grpc-web", False),
        ("application/grpc-web+proto", False),
        ("application/grpc+json", False),
        ("application/grpcx", False),
        ("application/json", False),
        ("", False),
    ],
)
def test_content_types(content_type: str, wanted: bool) -> None:
    assert grpc.is_grpc(head(content_type=content_type)) is wanted
    assert not grpc.is_grpc(head())


@given(st.text(max_size=100))
def test_messages_of_statuses_are_percent_coded(text: str) -> None:
    coded = grpc.percent_coded(text)
    assert all(" " <= letter <= "~" for letter in coded)
    assert unquote_to_bytes(coded) == text.encode("utf-8", "replace")


@pytest.mark.parametrize(
    ("status", "message"), [(0, ""), (0, "fine"), (5, ""), (12, "no\nsuch 100% ü"), (13, "x" * 5000)]
)
def test_trailers_say_status_and_message(status: int, message: str) -> None:
    fields = dict(hpack.Decoder().decode(grpc.status_trailers(status, message)))
    assert fields["grpc-status"] == str(status)
    assert unquote_to_bytes(fields.get("grpc-message", "")).decode() == message[:1024]
    only = dict(hpack.Decoder().decode(grpc.status_only(status, message)))
    assert only == {":status": "200", "content-type": "application/grpc"} | fields


def test_who_compresses_is_told_what_is_taken() -> None:
    assert dict(hpack.Decoder().decode(grpc.status_trailers(grpc.UNIMPLEMENTED)))["grpc-accept-encoding"] == "identity"
