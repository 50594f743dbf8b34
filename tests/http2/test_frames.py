from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.http2 import frames
from modelyard.http2.frames import ConnectionFault, FrameCutter

Frame = tuple[int, int, int, bytes]
LIMIT = 300

some_frames = st.lists(
    st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 2**31 - 1), st.binary(max_size=LIMIT)),
    max_size=6,
)


def written(wanted: list[Frame]) -> bytes:
    return b"".join(frames.frame(*one) for one in wanted)


@given(some_frames, st.lists(st.integers(0, 2000), max_size=8))
def test_frames_come_out_as_they_went_in_wherever_the_bytes_are_cut(wanted: list[Frame], cuts: list[int]) -> None:
    data = written(wanted)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    cutter = FrameCutter(LIMIT)
    found = [one for start, end in pairwise(places) for one in cutter.feed(data[start:end])]
    assert found == wanted


def test_every_split_and_byte_by_byte() -> None:
    wanted = [(0, 1, 3, b"abc"), (4, 0, 0, b""), (1, 5, 2**31 - 1, b"x" * 40)]
    data = written(wanted)
    for at in range(len(data) + 1):
        cutter = FrameCutter(LIMIT)
        assert [*cutter.feed(data[:at]), *cutter.feed(data[at:])] == wanted
    cutter = FrameCutter(LIMIT)
    assert [one for at in range(len(data)) for one in cutter.feed(data[at : at + 1])] == wanted


def test_the_reserved_bit_of_a_stream_is_ignored() -> None:
    data = bytearray(frames.frame(0, 0, 7, b"x"))
    data[5] |= 0x80
    assert list(FrameCutter(LIMIT).feed(bytes(data))) == [(0, 0, 7, b"x")]


def test_a_frame_above_the_limit_is_refused_before_its_payload_comes() -> None:
    with pytest.raises(ConnectionFault) as caught:
        list(FrameCutter(LIMIT).feed(frames.frame_head(0, 0, 1, LIMIT + 1)))
    assert caught.value.code == frames.FRAME_SIZE_ERROR


@pytest.mark.parametrize(
    ("flags", "priority", "payload", "wanted"),
    [
        (0, False, b"abc", b"abc"),
        (frames.PADDED, False, b"\x00abc", b"abc"),
        (frames.PADDED, False, b"\x02abc\0\0", b"abc"),
        (frames.PADDED, False, b"\x03\0\0\0", b""),
        (frames.PRIORITY_FLAG, True, b"12345abc", b"abc"),
        (frames.PRIORITY_FLAG, False, b"12345abc", b"12345abc"),
        (frames.PADDED | frames.PRIORITY_FLAG, True, b"\x0112345abc\0", b"abc"),
    ],
)
def test_padding_and_priority_are_taken_off(flags: int, priority: bool, payload: bytes, wanted: bytes) -> None:
    assert frames.unpadded(flags, payload, priority=priority) == wanted


@pytest.mark.parametrize(
    ("flags", "payload", "code"),
    [
        (frames.PADDED, b"", frames.FRAME_SIZE_ERROR),
        (frames.PADDED, b"\x04\0\0\0", frames.PROTOCOL_ERROR),
        (frames.PRIORITY_FLAG, b"1234", frames.FRAME_SIZE_ERROR),
        (frames.PADDED | frames.PRIORITY_FLAG, b"\x0112345", frames.PROTOCOL_ERROR),
    ],
)
def test_padding_that_is_longer_than_its_frame_is_a_fault(flags: int, payload: bytes, code: int) -> None:
    with pytest.raises(ConnectionFault) as caught:
        frames.unpadded(flags, payload, priority=True)
    assert caught.value.code == code


def test_settings_are_read_as_written() -> None:
    values = {1: 4096, 4: 2**31 - 1, 0xFFFF: 7}
    (_, _, _, payload), *_ = FrameCutter(LIMIT).feed(frames.settings(values))
    assert dict(frames.read_settings(payload)) == values
    with pytest.raises(ConnectionFault):
        frames.read_settings(payload[:-1])


@pytest.mark.parametrize("size", [0, 3, 5])
def test_a_number_of_another_length_is_a_fault(size: int) -> None:
    with pytest.raises(ConnectionFault) as caught:
        frames.read_long(bytes(size))
    assert caught.value.code == frames.FRAME_SIZE_ERROR
