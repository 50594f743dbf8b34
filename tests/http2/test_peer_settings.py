from __future__ import annotations

import struct

import pytest

from modelyard.http2 import frames
from modelyard.http2.frames import ConnectionFault
from modelyard.http2.peer_settings import MOST, peer_settings


def payload(*values: tuple[int, int]) -> bytes:
    return b"".join(struct.pack("!HL", *value) for value in values)


def test_the_last_of_a_value_counts_and_unknown_ones_mean_nothing() -> None:
    assert peer_settings(payload((4, 10), (4, 20), (0xFFFF, 1))) == {4: 20, 0xFFFF: 1}


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        (frames.INITIAL_WINDOW_SIZE, 2**31, frames.FLOW_CONTROL_ERROR),
        (frames.MAX_FRAME_SIZE, 16383, frames.PROTOCOL_ERROR),
        (frames.MAX_FRAME_SIZE, 2**24, frames.PROTOCOL_ERROR),
        (frames.ENABLE_PUSH, 2, frames.PROTOCOL_ERROR),
    ],
)
def test_values_out_of_range_are_faults(name: int, value: int, code: int) -> None:
    with pytest.raises(ConnectionFault) as caught:
        peer_settings(payload((name, 1 if name != frames.MAX_FRAME_SIZE else 16384), (name, value)))
    assert caught.value.code == code


def test_too_many_are_refused() -> None:
    assert peer_settings(payload(*[(99, 1)] * MOST)) == {99: 1}
    with pytest.raises(ConnectionFault):
        peer_settings(payload(*[(99, 1)] * (MOST + 1)))
