"""Flow control of one stream, both ways (RFC 9113, section 5.2)."""

from __future__ import annotations

from http2_peer import Peer, RecordingStream, data
from hypothesis import given
from hypothesis import strategies as st

from modelyard.http2 import frames
from modelyard.http2.frames import frame
from modelyard.http2.header_blocks import constant_block
from modelyard.http2.server_limits import ServerLimits

OK = constant_block([(":status", "200")])
DONE = constant_block([("grpc-status", "0")])

SMALL = ServerLimits(stream_window=1000, connection_window=100_000)


def test_data_waits_for_the_streams_window() -> None:
    peer = Peer(settings={frames.INITIAL_WINDOW_SIZE: 10})
    stream = peer.begin(1)
    assert stream.send_data(b"12345")
    assert not stream.send_data(b"67890abc")
    assert not stream.send_data(b"def")
    peer.listen()
    assert peer.data_of(1) == b"1234567890"
    peer.send(frames.window_update(1, 2))
    assert (peer.data_of(1), stream.heard[-1][0]) == (b"1234567890ab", "head")
    peer.send(frames.window_update(1, 100))
    assert (peer.data_of(1), stream.heard[-1][0]) == (b"1234567890abcdef", "writable")
    assert stream.send_data(b"g")


def test_data_waits_for_the_connections_window() -> None:
    peer = Peer(settings={frames.INITIAL_WINDOW_SIZE: 1 << 20})
    stream = peer.begin(1)
    assert not stream.send_data(bytes(70000))
    peer.listen()
    assert len(peer.data_of(1)) == 65535
    peer.send(frames.window_update(0, 5000))
    assert len(peer.data_of(1)) == 70000


def test_trailers_follow_what_is_held() -> None:
    peer = Peer(settings={frames.INITIAL_WINDOW_SIZE: 4})
    stream = peer.begin(1, end=True)
    stream.send_headers(OK)
    stream.send_data(b"12345678")
    stream.end(DONE)
    assert [one.kind for one in peer.listen()] == [frames.HEADERS, frames.DATA]
    assert stream.send_data(b"after the end")
    stream.end(DONE)
    said = peer.send(frames.window_update(1, 4))
    assert [(one.kind, one.flags) for one in said] == [
        (frames.DATA, 0),
        (frames.HEADERS, frames.END_HEADERS | frames.END_STREAM),
    ]
    assert peer.data_of(1) == b"12345678"
    assert ("writable",) not in stream.heard


def test_a_reset_forgets_what_is_held() -> None:
    peer = Peer(settings={frames.INITIAL_WINDOW_SIZE: 4})
    cut, given_up = peer.begin(1), peer.begin(3)
    cut.send_data(bytes(10))
    given_up.send_data(bytes(10))
    given_up.reset(frames.CANCEL)
    given_up.reset(frames.CANCEL)
    peer.listen()
    assert peer.resets() == {3: frames.CANCEL}
    peer.send(frames.reset(1, frames.CANCEL), frames.window_update(1, 100), frames.window_update(3, 100))
    assert cut.heard[-1] == ("reset",)
    assert given_up.heard[-1][0] == "head"
    assert (peer.data_of(1), peer.data_of(3)) == (bytes(4), bytes(4))
    assert not peer.server.streams


def test_what_is_used_may_be_sent_anew() -> None:
    peer = Peer(SMALL)
    stream = peer.begin(1)
    for _ in range(500):
        peer.send(data(1, bytes(400)))
    assert peer.error is None
    assert peer.resets() == {}
    assert len(stream.body) == 200_000
    assert 200_000 - 500 <= peer.updates(1) <= 200_000
    assert 200_000 - 50_000 <= peer.updates(0) <= 200_000


def test_padding_counts_for_windows_and_is_given_back() -> None:
    peer = Peer(SMALL)
    stream = peer.begin(1)
    for _ in range(500):
        peer.send(frame(frames.DATA, frames.PADDED, 1, b"\xc8" + bytes(200) + bytes(200)))
    assert (peer.error, peer.resets()) == (None, {})
    assert len(stream.body) == 100_000


def test_a_paused_stream_holds_its_peer_back_and_nobody_else() -> None:
    peer = Peer(SMALL)
    paused, other = peer.begin(1), peer.begin(3)
    paused.pause()
    peer.send(data(1, bytes(600)), data(1, bytes(400), end=True), data(3, b"goes on"))
    assert (paused.body, other.body) == (b"", b"goes on")
    assert peer.updates(1) == 0
    paused.resume()
    assert paused.heard[1:] == [("data", bytes(1000), True)]


def test_who_ignores_a_closed_window_is_reset() -> None:
    peer = Peer(SMALL)
    stream = peer.begin(1)
    stream.pause()
    peer.send(data(1, bytes(1000)), data(1, b"x"))
    assert peer.resets() == {1: frames.FLOW_CONTROL_ERROR}
    assert stream.heard[-1] == ("reset",)


def test_who_ignores_the_connections_window_is_cut() -> None:
    peer = Peer(ServerLimits(stream_window=1000, connection_window=70_000))
    for number in range(1, 143, 2):
        peer.begin(number).pause()
        peer.send(data(number, bytes(1000)))
        if peer.error is not None:
            break
    assert peer.error == frames.FLOW_CONTROL_ERROR
    assert len(peer.made) == 71


def test_a_stream_that_ends_paused_gives_its_window_back() -> None:
    limits = ServerLimits(stream_window=50_000, connection_window=200_000)
    peer = Peer(limits)
    for number in range(1, 200, 6):
        reset_by_peer, reset_here, ended = peer.begin(number), peer.begin(number + 2), peer.begin(number + 4)
        for stream in (reset_by_peer, reset_here, ended):
            stream.pause()
            peer.send(data(stream.number, bytes(30_000)))
        peer.send(frames.reset(number, frames.CANCEL))
        reset_here.reset(frames.CANCEL)
        ended.end(OK)
        peer.listen()
    assert peer.error is None


def test_who_takes_no_answers_is_cut() -> None:
    peer = Peer(ServerLimits(max_unsent=10_000), settings={frames.INITIAL_WINDOW_SIZE: 0})
    answering: list[RecordingStream] = []
    for number in range(1, 9, 2):
        stream = peer.begin(number)
        stream.send_data(bytes(3000))
        answering.append(stream)
    assert (peer.server.unsent, peer.error) == (12_000, None)
    peer.send(frame(frames.PING, 0, 0, bytes(8)))
    assert peer.error == frames.ENHANCE_YOUR_CALM
    assert all(stream.heard[-1] == ("reset",) for stream in answering)
    assert peer.server.unsent == 0


def test_what_waits_is_counted_until_it_is_sent_or_dropped() -> None:
    peer = Peer(settings={frames.INITIAL_WINDOW_SIZE: 10})
    streams = [peer.begin(number) for number in (1, 3, 5, 7)]
    for stream in streams:
        stream.send_data(bytes(30))
    assert peer.server.unsent == 80
    peer.send(frames.window_update(1, 15))
    assert peer.server.unsent == 65
    peer.send(frames.window_update(1, 5))
    streams[1].reset(frames.CANCEL)
    peer.send(frames.reset(5, frames.CANCEL))
    assert peer.server.unsent == 20
    streams[3].end(DONE)
    peer.send(frames.window_update(7, 20))
    assert peer.server.unsent == 0


class PausesEachTime(RecordingStream):
    """Takes one piece, then pauses."""

    def on_data(self, data: bytes, *, end: bool) -> None:
        super().on_data(data, end=end)
        self.pause()


def test_a_stream_that_pauses_each_time_gets_one_piece_per_resume() -> None:
    peer = Peer(stream_type=PausesEachTime)
    stream = peer.begin(1)
    first, second, third = (byte * frames.LITTLE for byte in (b"a", b"b", b"c"))
    peer.send(data(1, first), data(1, second), data(1, third, end=True))
    bodies = [stream.body]
    for _ in range(3):
        stream.resume()
        bodies.append(stream.body)
    assert bodies == [first, first + second, first + second + third, first + second + third]
    assert stream.heard[-1] == ("data", third, True)


def test_bytes_that_come_one_by_one_while_paused_are_kept_together() -> None:
    """A frame that is kept costs some hundred bytes beside its own."""
    peer = Peer()
    stream = peer.begin(1)
    stream.pause()
    peer.send(*(data(1, b"%d" % (number % 10)) for number in range(100_000)))
    peer.send(data(1, b"end", end=True))
    stream.resume()
    assert stream.body == b"0123456789" * 10_000 + b"end"
    assert len(stream.heard) < 30
    assert stream.heard[-1][2] is True
    assert peer.updates(0) <= 100_003


class EndsAtOnce(RecordingStream):
    """Ends at the first piece."""

    def on_data(self, data: bytes, *, end: bool) -> None:
        super().on_data(data, end=end)
        self.end(OK)


def test_what_a_stream_did_not_want_after_a_pause_is_given_back_once() -> None:
    limits = ServerLimits(stream_window=20_000, connection_window=100_000)
    peer = Peer(limits, stream_type=EndsAtOnce)
    sent = 0
    for number in range(1, 100, 2):
        stream = peer.begin(number)
        stream.pause()
        peer.send(data(number, bytes(5000)), data(number, bytes(5000)))
        sent += 10_000
        stream.resume()
        peer.listen()
        assert len(stream.body) == 5000
    assert sent - 50_000 <= peer.updates(0) <= sent


@given(
    st.lists(st.integers(1, 40_000), min_size=1, max_size=12),
    st.lists(st.tuples(st.sampled_from([0, 1]), st.integers(1, 30_000)), max_size=40),
    st.integers(0, 70_000),
)
def test_what_is_sent_arrives_in_order_within_every_window(
    pieces: list[int], updates: list[tuple[int, int]], first: int
) -> None:
    peer = Peer(settings={frames.INITIAL_WINDOW_SIZE: first})
    stream = peer.begin(1)
    wanted = b"".join(bytes([at % 256]) * size for at, size in enumerate(pieces))
    windows = {0: 65535, 1: first}
    for at, size in enumerate(pieces):
        stream.send_data(bytes([at % 256]) * size)
    stream.end(DONE)
    for number, increment in [(1, 1), *updates]:
        peer.send(frames.window_update(number, increment))
        windows[number] += increment
        assert len(peer.data_of(1)) == min(len(wanted), *windows.values())
    peer.send(frames.window_update(0, 1 << 20), frames.window_update(1, 1 << 20))
    assert peer.data_of(1) == wanted
    assert [one.kind for one in peer.said[-2:]] == [frames.HEADERS, frames.RST_STREAM]
