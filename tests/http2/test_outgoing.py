from __future__ import annotations

from http2_peer import Peer, RecordingStream

from modelyard.http2 import frames
from modelyard.http2.header_blocks import constant_block
from modelyard.http2.outgoing import TURN

DONE = constant_block([("grpc-status", "0")])
WIDE = {frames.INITIAL_WINDOW_SIZE: 2**31 - 1}


def wide_peer() -> Peer:
    peer = Peer(settings=WIDE)
    peer.send(frames.window_update(0, 2**31 - 1 - frames.DEFAULT_WINDOW))
    peer.said.clear()
    return peer


def test_streams_that_wait_for_the_connection_take_turns() -> None:
    peer = Peer(settings=WIDE)
    streams = [peer.begin(number) for number in (1, 3, 5)]
    for stream in streams:
        stream.send_data(bytes(100_000))
    peer.listen()
    peer.said.clear()
    peer.send(frames.window_update(0, 6 * frames.DEFAULT_FRAME_SIZE))
    sent = [one.stream for one in peer.said if one.kind == frames.DATA]
    assert sent[:6] == [1, 3, 5, 1, 3, 5]


def test_a_small_answer_overtakes_a_large_one() -> None:
    peer = wide_peer()
    large, small = peer.begin(1), peer.begin(3)
    large.send_data(bytes(10 * TURN))
    small.send_data(b"small")
    first = peer.server.outgoing.take()
    assert len(first) < 2 * TURN
    assert b"small" not in first
    assert b"small" in peer.server.outgoing.take()


def test_a_full_transport_holds_data_and_nothing_else() -> None:
    peer = wide_peer()
    stream = peer.begin(1)
    peer.server.outgoing.block()
    assert not stream.send_data(b"data")
    said = peer.send(frames.frame(frames.PING, 0, 0, bytes(8)))
    assert [one.kind for one in said] == [frames.PING]
    peer.server.outgoing.unblock()
    assert [one.kind for one in peer.listen()] == [frames.DATA]
    assert stream.heard[-1] == ("writable",)


def test_what_is_taken_at_once_is_bounded() -> None:
    peer = wide_peer()
    stream = peer.begin(1)
    assert not stream.send_data(bytes(5 * TURN))
    sizes: list[int] = []
    while data := peer.server.outgoing.take():
        sizes.append(len(data))
    assert max(sizes) < 1.2 * TURN
    assert sum(sizes) > 5 * TURN
    assert stream.heard[-1] == ("writable",)


class SendsWhenWritable(RecordingStream):
    """A body in pieces, each sent when the one before is gone."""

    left = 40

    def on_writable(self) -> None:
        while self.left:
            self.left -= 1
            if not self.send_data(bytes(60_000)):
                return
        self.end(DONE)


def test_a_stream_may_go_on_from_within_take() -> None:
    peer = Peer(settings=WIDE, stream_type=SendsWhenWritable)
    peer.begin(1).on_writable()
    while not peer.resets():
        peer.send(frames.window_update(0, 50_000))
    assert len(peer.data_of(1)) == 40 * 60_000


def test_streams_that_end_leave_the_queue() -> None:
    peer = Peer(settings=WIDE)
    peer.begin(1).send_data(bytes(70_000))
    for number in range(3, 203, 2):
        peer.begin(number).send_data(b"waits")
        peer.send(frames.reset(number, frames.CANCEL))
    assert len(peer.server.outgoing._waiting) == 1
