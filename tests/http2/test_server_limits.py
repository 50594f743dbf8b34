"""Peers that want to cost more than they bring (RFC 9113, section 10.5)."""

from __future__ import annotations

import pytest
from http2_peer import REQUEST, Peer, data

from modelyard.http2 import frames
from modelyard.http2.frames import frame
from modelyard.http2.header_blocks import constant_block
from modelyard.http2.server_limits import ServerLimits

OK = constant_block([(":status", "200")])
TIGHT = ServerLimits(
    max_streams=50, idle_frames=100, idle_frames_per_second=10, early_resets=20, early_resets_per_second=2
)
MOST = 2000
"""Frames that a test sends before it gives up."""

IDLE = {
    "PING": frame(frames.PING, 0, 0, bytes(8)),
    "PING acknowledged": frame(frames.PING, frames.ACK, 0, bytes(8)),
    "SETTINGS": frames.settings({frames.INITIAL_WINDOW_SIZE: 10}),
    "SETTINGS acknowledged": frame(frames.SETTINGS, frames.ACK, 0),
    "empty DATA": data(1),
    "DATA of padding": frame(frames.DATA, frames.PADDED, 1, b"\x03\0\0\0"),
    "small WINDOW_UPDATE": frames.window_update(0, 1),
    "small WINDOW_UPDATE of a stream": frames.window_update(1, 1),
    "PRIORITY": frame(frames.PRIORITY, 0, 1, bytes(5)),
    "unknown": frame(0x99, 0, 0, b"x"),
    "GOAWAY": frames.go_away(0, 0),
    "RST_STREAM of what is over": frames.reset(3, frames.CANCEL),
    "empty DATA of what is over": data(3),
    "WINDOW_UPDATE of what is over": frames.window_update(3, 1),
}


def frames_until_calm(peer: Peer, sent: bytes) -> int:
    """How many could be sent until the connection was ended for it."""
    for count in range(MOST):
        peer.send(sent)
        if peer.error is not None:
            assert peer.error == frames.ENHANCE_YOUR_CALM
            return count
    return MOST


@pytest.mark.parametrize("sent", IDLE.values(), ids=IDLE.keys())
def test_floods_of_frames_that_carry_nothing_end(sent: bytes) -> None:
    peer = Peer(TIGHT)
    peer.begin(1)
    peer.begin(3).end(OK)
    assert frames_until_calm(peer, sent) <= 110


@pytest.mark.parametrize("sent", IDLE.values(), ids=IDLE.keys())
def test_the_same_frames_at_their_ordinary_pace_never_do(sent: bytes) -> None:
    peer = Peer(TIGHT)
    peer.begin(1)
    peer.begin(3).end(OK)
    for _ in range(MOST):
        peer.now += 0.2
        peer.send(sent)
    assert peer.error is None


def test_rapid_reset_ends() -> None:
    peer = Peer(TIGHT)
    for number in range(1, 2 * MOST, 2):
        peer.send(peer.headers(number), frames.reset(number, frames.CANCEL))
        if peer.error is not None:
            break
    assert peer.error == frames.ENHANCE_YOUR_CALM
    assert len(peer.made) <= 22


@pytest.mark.parametrize(
    "fault", ["malformed", "closed window", "window of nothing", "refused", "wrong length"], ids=lambda name: name
)
def test_making_the_server_reset_streams_ends_too(fault: str) -> None:
    peer = Peer(TIGHT)
    for number in range(1, 2 * MOST, 2):
        if fault == "malformed":
            peer.send(peer.headers(number, [("x", "y")]))
        elif fault == "refused":
            peer.send(peer.headers(number))
        else:
            peer.send(peer.headers(number, [*REQUEST, ("content-length", "1")]))
            broken = {
                "closed window": frames.window_update(number, 2**31 - 1),
                "window of nothing": frames.window_update(number, 0),
                "wrong length": data(number, b"xx"),
            }
            peer.send(broken[fault])
        if peer.error is not None:
            break
    assert peer.error == frames.ENHANCE_YOUR_CALM
    assert len(peer.resets()) <= 160


def test_all_streams_of_a_connection_may_be_given_up_at_once() -> None:
    peer = Peer()
    numbers = range(1, 2 * ServerLimits().max_streams, 2)
    for _ in range(2):
        start = peer.made[-1].number + 1 if peer.made else 0
        peer.send(*(peer.headers(start + number) for number in numbers))
        peer.send(*(frames.reset(start + number, frames.CANCEL) for number in numbers))
    assert peer.error is None
    assert len(peer.made) == 2 * len(numbers)


def test_streams_that_are_cancelled_after_their_answer_began_are_ordinary() -> None:
    """Envoy ends every ext_proc stream so."""
    peer = Peer(TIGHT)
    for number in range(1, 2 * MOST, 2):
        stream = peer.begin(number)
        peer.send(data(number, b"message"))
        stream.send_headers(OK)
        stream.send_data(b"answer")
        peer.send(frames.reset(number, frames.INTERNAL_ERROR))
    assert peer.error is None


def test_bodies_that_are_still_coming_when_their_answer_is_out_are_ordinary() -> None:
    """As when many large requests are turned away at once."""
    peer = Peer(TIGHT)
    for number in range(1, 2 * MOST, 2):
        peer.begin(number).end(OK)
        peer.listen()
        peer.send(*(data(number, bytes(1000)) for _ in range(16)), frames.reset(number, frames.NO_ERROR))
    assert peer.error is None


def test_a_peer_that_takes_much_data_may_say_so_as_often() -> None:
    peer = Peer(TIGHT)
    stream = peer.begin(1)
    for _ in range(MOST):
        stream.send_data(b"piece")
        peer.listen()
        peer.send(frames.window_update(0, 5), frames.window_update(1, 5))
    assert peer.error is None


def test_settings_cost_more_the_more_streams_they_change() -> None:
    peer = Peer(TIGHT)
    for number in range(1, 99, 2):
        peer.begin(number)
    assert frames_until_calm(peer, frames.settings({frames.INITIAL_WINDOW_SIZE: 10})) <= 26


@pytest.mark.parametrize("part", [b"", b"\x00\x01a\x7f\x81\x07" + bytes(1024)])
def test_header_blocks_without_an_end_are_cut(part: bytes) -> None:
    peer = Peer(ServerLimits(max_header_list=4096))
    peer.send(frame(frames.HEADERS, 0, 1, peer.encoder.encode(REQUEST)))
    assert frames_until_calm(peer, frame(frames.CONTINUATION, 0, 1, part)) <= 16
    assert not peer.made


def test_a_header_list_above_the_limit_is_refused() -> None:
    peer = Peer(ServerLimits(max_header_list=4096))
    assert peer.begin(1, [*REQUEST, ("x-a", "v" * 3000)]).heard
    peer.send(peer.headers(3, [*REQUEST, ("x-a", "v" * 3000), ("x-b", "v" * 900)]))
    assert peer.error == frames.ENHANCE_YOUR_CALM


def test_table_entries_repeated_are_counted_as_they_unpack() -> None:
    peer = Peer(ServerLimits(max_header_list=4096))
    peer.begin(1, [*REQUEST, ("x-a", "v" * 1000)])
    peer.send(peer.headers(3, [*REQUEST, *[("x-a", "v" * 1000)] * 10]))
    assert peer.error == frames.ENHANCE_YOUR_CALM
