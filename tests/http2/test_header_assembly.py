from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.http2 import frames
from modelyard.http2.frames import ConnectionFault
from modelyard.http2.header_assembly import HeaderAssembly
from modelyard.http2.server_limits import ServerLimits

LIMITS = ServerLimits(max_header_list=1000, max_continuations=5)


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=6))
def test_a_block_is_the_sum_of_its_frames(parts: list[bytes]) -> None:
    assembly = HeaderAssembly(LIMITS)
    for _ in range(2):
        last = len(parts) - 1
        for at, part in enumerate(parts):
            flags = frames.END_HEADERS if at == last else 0
            block = assembly.go_on(flags, 7, part) if at else assembly.begin(flags | frames.END_STREAM, 7, part)
            assert (block is None) == (at != last)
            assert assembly.stream == (0 if at == last else 7)
        assert block == b"".join(parts)
        assert assembly.flags & frames.END_STREAM


def test_padding_and_priority_are_no_part_of_it() -> None:
    flags = frames.PADDED | frames.PRIORITY_FLAG | frames.END_HEADERS
    assert HeaderAssembly(LIMITS).begin(flags, 1, b"\x0212345abc\0\0") == b"abc"


def test_a_continuation_of_nothing_is_a_fault() -> None:
    with pytest.raises(ConnectionFault) as caught:
        HeaderAssembly(LIMITS).go_on(frames.END_HEADERS, 1, b"")
    assert caught.value.code == frames.PROTOCOL_ERROR


@pytest.mark.parametrize(("size", "count"), [(0, 6), (300, 4), (1001, 0)])
def test_floods_are_cut(size: int, count: int) -> None:
    assembly = HeaderAssembly(LIMITS)

    def flood() -> None:
        assembly.begin(0, 1, bytes(size))
        for _ in range(count):
            assembly.go_on(0, 1, bytes(size))

    with pytest.raises(ConnectionFault) as caught:
        flood()
    assert caught.value.code == frames.ENHANCE_YOUR_CALM
