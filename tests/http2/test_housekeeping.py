from __future__ import annotations

import hpack
import pytest
from http2_peer import Peer

from modelyard.http2 import frames
from modelyard.http2.frames import frame
from modelyard.http2.header_blocks import constant_block

OK = constant_block([(":status", "200")])


def test_drain_lets_streams_that_are_on_their_way_in() -> None:
    peer = Peer()
    old = peer.begin(1)
    peer.server.drain()
    peer.server.drain()
    first, ping = peer.listen()
    assert (first.kind, first.payload[:4]) == (frames.GOAWAY, bytes.fromhex("7fffffff"))
    assert ping.kind == frames.PING
    crossing = peer.begin(3)
    (last,) = peer.send(frame(frames.PING, frames.ACK, 0, ping.payload))
    assert (last.kind, last.payload) == (frames.GOAWAY, (3).to_bytes(4, "big") + bytes(4))
    peer.send(peer.headers(5))
    assert peer.resets() == {5: frames.REFUSED_STREAM}
    for stream in (old, crossing):
        assert not peer.server.drained
        stream.end(OK)
    assert peer.server.drained


def test_a_ping_that_nobody_asked_for_drains_nothing() -> None:
    peer = Peer()
    peer.send(frame(frames.PING, frames.ACK, 0, b"drained?"))
    assert not peer.server.drained
    peer.server.ping()
    assert [one.kind for one in peer.listen()] == [frames.PING]


def test_settings_are_acknowledged() -> None:
    peer = Peer()
    (said,) = peer.send(frames.settings({frames.MAX_FRAME_SIZE: 20000}))
    assert (said.kind, said.flags, said.payload) == (frames.SETTINGS, frames.ACK, b"")


def test_pings_are_answered() -> None:
    peer = Peer()
    (said,) = peer.send(frame(frames.PING, 0, 0, b"12345678"))
    assert (said.kind, said.flags, said.payload) == (frames.PING, frames.ACK, b"12345678")


def test_frames_are_as_long_as_the_peer_takes() -> None:
    peer = Peer(settings={frames.INITIAL_WINDOW_SIZE: 1 << 20})
    peer.send(frames.window_update(0, 1 << 20))
    stream = peer.begin(1)
    stream.send_data(bytes(40000))
    assert [len(one.payload) for one in peer.listen() if one.kind == frames.DATA] == [16384, 16384, 7232]
    peer.send(frames.settings({frames.MAX_FRAME_SIZE: 1 << 17}))
    stream.send_data(bytes(40000))
    assert [len(one.payload) for one in peer.listen() if one.kind == frames.DATA] == [40000]


def test_a_new_window_counts_for_open_streams_below_zero_too() -> None:
    """RFC 9113, section 6.9.2."""
    peer = Peer(settings={frames.INITIAL_WINDOW_SIZE: 100})
    stream = peer.begin(1)
    stream.send_data(bytes(80))
    assert not stream.send_data(bytes(50))
    peer.listen()
    assert len(peer.data_of(1)) == 100
    peer.send(frames.settings({frames.INITIAL_WINDOW_SIZE: 40}))  # 60 too many were sent
    peer.send(frames.window_update(1, 60))
    assert len(peer.data_of(1)) == 100
    peer.send(frames.window_update(1, 10))
    assert len(peer.data_of(1)) == 110
    peer.send(frames.settings({frames.INITIAL_WINDOW_SIZE: 60}))
    assert len(peer.data_of(1)) == 130
    assert stream.heard[-1] == ("writable",)


@pytest.mark.parametrize("acknowledged", [b"", b"something else"[:8]])
def test_acknowledgements_mean_nothing_else(acknowledged: bytes) -> None:
    peer = Peer()
    if acknowledged:
        assert peer.send(frame(frames.PING, frames.ACK, 0, acknowledged)) == []
    else:
        assert peer.send(frame(frames.SETTINGS, frames.ACK, 0)) == []
    assert peer.error is None


@pytest.mark.parametrize("sizes", [(0,), (4095,), (8192, 100), (100, 8192, 50, 0)])
def test_a_smaller_header_table_is_acknowledged_by_the_next_block(sizes: tuple[int, ...]) -> None:
    """RFC 7541, section 4.2; decoders end the connection where it is not."""
    peer = Peer()
    for size in sizes:
        peer.send(frames.settings({frames.HEADER_TABLE_SIZE: size}))
    for number in (1, 3):
        peer.begin(number, end=True).end(OK)
    peer.listen()
    first, second = (one for one in peer.said if one.kind == frames.HEADERS)
    decoder = hpack.Decoder()
    decoder.max_allowed_table_size = min(sizes)
    assert [decoder.decode(one.payload) for one in (first, second)] == [[(":status", "200")]] * 2
    assert (first.payload[:1], second.payload) == (b"\x20", OK)


def test_a_larger_header_table_is_left_unused() -> None:
    peer = Peer(settings={frames.HEADER_TABLE_SIZE: 8192})
    stream = peer.begin(1, end=True)
    stream.send_headers(OK)
    (said,) = peer.listen()
    assert said.payload == OK
