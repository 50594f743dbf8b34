"""What a connection does with a peer that keeps the rules, and with one that breaks them."""

from __future__ import annotations

import pytest
from http2_peer import REQUEST, Peer, RecordingStream, data
from hypothesis import given
from hypothesis import strategies as st

from modelyard.http2 import frames
from modelyard.http2.frames import frame
from modelyard.http2.header_blocks import constant_block
from modelyard.http2.server_limits import ServerLimits

OK = constant_block([(":status", "200")])
DONE = constant_block([("grpc-status", "0")])
STREAM_ENDS = frames.END_HEADERS | frames.END_STREAM


def test_the_server_greets_with_its_limits() -> None:
    peer = Peer(greet=False)
    settings, update = peer.said
    limits = ServerLimits()
    assert dict(frames.read_settings(settings.payload)) == {
        frames.MAX_CONCURRENT_STREAMS: limits.max_streams,
        frames.INITIAL_WINDOW_SIZE: limits.stream_window,
        frames.MAX_FRAME_SIZE: limits.max_frame,
        frames.MAX_HEADER_LIST_SIZE: limits.max_header_list,
    }
    assert int.from_bytes(update.payload, "big") == limits.connection_window - frames.DEFAULT_WINDOW


def test_a_request_and_its_answer() -> None:
    peer = Peer()
    stream = peer.begin(1)
    peer.send(data(1, b"one"), data(1, b"two", end=True))
    assert stream.heard == [("head", "/a.B/C", False), ("data", b"one", False), ("data", b"two", True)]
    stream.send_headers(OK)
    assert stream.send_data(b"answer")
    stream.end(DONE)
    said = peer.listen()
    assert [(one.kind, one.flags, one.stream) for one in said] == [
        (frames.HEADERS, frames.END_HEADERS, 1),
        (frames.DATA, 0, 1),
        (frames.HEADERS, STREAM_ENDS, 1),
    ]
    assert (peer.fields(said[0]), said[1].payload, peer.fields(said[2])) == (
        {":status": "200"},
        b"answer",
        {"grpc-status": "0"},
    )
    assert not peer.server.streams


def conversation(peer: Peer) -> bytes:
    """Everything at once: continued, padded and prioritised headers, trailers, several streams, all kinds of frames."""
    first = peer.encoder.encode(REQUEST)
    second = peer.encoder.encode(REQUEST)
    return b"".join(
        (
            frames.PREFACE,
            frames.settings({frames.INITIAL_WINDOW_SIZE: 100, 0x99: 1}),
            frame(frames.HEADERS, 0, 1, first[:3]),
            frame(frames.CONTINUATION, 0, 1, first[3:9]),
            frame(frames.CONTINUATION, frames.END_HEADERS, 1, first[9:]),
            frame(frames.PRIORITY, 0, 3, bytes(5)),
            frame(0x77, 0xFF, 5, b"unknown"),
            frame(
                frames.HEADERS,
                frames.END_HEADERS | frames.PADDED | frames.PRIORITY_FLAG,
                3,
                b"\x02" + bytes(5) + second + b"\0\0",
            ),
            data(1, b"a"),
            data(3, b"b"),
            frame(frames.DATA, frames.PADDED, 1, b"\x01cd\0"),
            frame(frames.PING, 0, 0, b"12345678"),
            frames.window_update(0, 5),
            frames.window_update(1, 5),
            frame(frames.SETTINGS, frames.ACK, 0),
            data(1, b"e", end=True),
            peer.headers(3, [("x-trailer", "1")], end=True),
            peer.headers(5, end=True),
            frames.reset(5, frames.CANCEL),
            frames.go_away(0, 0),
        )
    )


WANTED = {
    1: [("head", "/a.B/C", False), ("data", b"a", False), ("data", b"cd", False), ("data", b"e", True)],
    3: [("head", "/a.B/C", False), ("data", b"b", False), ("data", b"", True)],
    5: [("head", "/a.B/C", True), ("reset",)],
}


def heard(peer: Peer) -> dict[int, list[tuple[object, ...]]]:
    return {stream.number: stream.heard for stream in peer.made if isinstance(stream, RecordingStream)}


def test_a_conversation_at_every_split() -> None:
    size = len(conversation(Peer(greet=False)))
    for at in range(size + 1):
        peer = Peer(greet=False)
        sent = conversation(peer)
        peer.send(sent[:at])
        peer.send(sent[at:])
        assert heard(peer) == WANTED
        assert peer.error is None
        assert [one.payload for one in peer.said if one.kind == frames.PING] == [b"12345678"]


def test_a_conversation_byte_by_byte() -> None:
    peer = Peer(greet=False)
    for byte in conversation(peer):
        peer.send(bytes([byte]))
    assert heard(peer) == WANTED


PREFACE_FAULTS = {
    "HTTP/1.1": b"GET / HTTP/1.1\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01",
    "nearly right": frames.PREFACE[:-1] + b"X",
    "no SETTINGS": frames.PREFACE + frame(frames.PING, 0, 0, bytes(8)),
}


@pytest.mark.parametrize("sent", PREFACE_FAULTS.values(), ids=PREFACE_FAULTS.keys())
def test_who_speaks_no_http2_is_turned_away(sent: bytes) -> None:
    peer = Peer(greet=False)
    peer.send(sent)
    assert peer.error == frames.PROTOCOL_ERROR
    assert peer.send(frames.PREFACE) == []


P, F, S = frames.PROTOCOL_ERROR, frames.FRAME_SIZE_ERROR, frames.FLOW_CONTROL_ERROR
BREAKING = {
    "DATA of the connection": (data(0, b"x"), P),
    "DATA of an idle stream": (data(3, b"x"), P),
    "DATA of a stream of ours": (data(2, b"x"), P),
    "DATA padded beyond its end": (frame(frames.DATA, frames.PADDED, 1, b"\x05abc"), P),
    "HEADERS of the connection": (frame(frames.HEADERS, frames.END_HEADERS, 0, b"\x83"), P),
    "HEADERS with an even number": (frame(frames.HEADERS, frames.END_HEADERS, 2, b"\x83"), P),
    "HEADERS that cannot be read": (frame(frames.HEADERS, frames.END_HEADERS, 3, b"\xff"), frames.COMPRESSION_ERROR),
    "CONTINUATION of nothing": (frame(frames.CONTINUATION, frames.END_HEADERS, 1, b"\x83"), P),
    "CONTINUATION of another stream": (
        frame(frames.HEADERS, 0, 3, b"\x83") + frame(frames.CONTINUATION, frames.END_HEADERS, 1, b""),
        P,
    ),
    "PING in a header block": (frame(frames.HEADERS, 0, 3, b"\x83") + frame(frames.PING, 0, 0, bytes(8)), P),
    "DATA in a header block": (frame(frames.HEADERS, 0, 3, b"\x83") + data(1, b"x"), P),
    "unknown frame in a header block": (frame(frames.HEADERS, 0, 3, b"\x83") + frame(0x77, 0, 0), P),
    "PRIORITY of the connection": (frame(frames.PRIORITY, 0, 0, bytes(5)), P),
    "RST_STREAM of the connection": (frames.reset(0, 8), P),
    "RST_STREAM of an idle stream": (frames.reset(3, 8), P),
    "RST_STREAM of a broken length": (frame(frames.RST_STREAM, 0, 1, bytes(3)), F),
    "SETTINGS of a stream": (frame(frames.SETTINGS, 0, 1), P),
    "SETTINGS of a broken length": (frame(frames.SETTINGS, 0, 0, bytes(5)), F),
    "SETTINGS acknowledged with values": (frame(frames.SETTINGS, frames.ACK, 0, bytes(6)), F),
    "SETTINGS with a window too large": (frames.settings({frames.INITIAL_WINDOW_SIZE: 2**31}), S),
    "SETTINGS with a frame too small": (frames.settings({frames.MAX_FRAME_SIZE: 1}), P),
    "PUSH_PROMISE": (frame(frames.PUSH_PROMISE, frames.END_HEADERS, 1, bytes(5)), P),
    "PING of a stream": (frame(frames.PING, 0, 1, bytes(8)), P),
    "PING of a broken length": (frame(frames.PING, 0, 0, bytes(7)), F),
    "GOAWAY of a stream": (frame(frames.GOAWAY, 0, 1, bytes(8)), P),
    "WINDOW_UPDATE of nothing": (frames.window_update(0, 0), P),
    "WINDOW_UPDATE above the most": (frames.window_update(0, 2**31 - 1), S),
    "WINDOW_UPDATE of an idle stream": (frames.window_update(3, 1), P),
    "WINDOW_UPDATE of a broken length": (frame(frames.WINDOW_UPDATE, 0, 0, bytes(5)), F),
    "frame above the limit": (frames.frame_head(frames.DATA, 0, 1, (128 << 10) + 1), F),
    "a new window that overflows one": (
        frames.window_update(1, 2**31 - 1 - 65535) + frames.settings({frames.INITIAL_WINDOW_SIZE: 65536}),
        S,
    ),
}


@pytest.mark.parametrize(("sent", "code"), BREAKING.values(), ids=BREAKING.keys())
def test_a_broken_rule_of_the_connection_ends_it(sent: bytes, code: int) -> None:
    peer = Peer()
    stream = peer.begin(1)
    peer.send(sent)
    assert peer.error == code
    assert stream.heard[-1] == ("reset",)
    assert not peer.server.streams
    assert stream.send_data(b"into the void")
    assert peer.send(data(1, b"x")) == []


STREAM_BREAKING = {
    "WINDOW_UPDATE of nothing": (frames.window_update(1, 0), P),
    "WINDOW_UPDATE above the most": (frames.window_update(1, 2**31 - 1), S),
    "PRIORITY of a broken length": (frame(frames.PRIORITY, 0, 1, bytes(4)), F),
    "DATA after the end": (data(1, b"", end=True) + data(1, b"x"), frames.STREAM_CLOSED),
    "HEADERS after the end": (
        data(1, b"", end=True) + frame(frames.HEADERS, STREAM_ENDS, 1, b"\x00\x01a\x01b"),
        frames.STREAM_CLOSED,
    ),
    "a request after the end": (
        data(1, b"", end=True) + frame(frames.HEADERS, STREAM_ENDS, 1, b"\x83\x86\x84"),
        frames.STREAM_CLOSED,
    ),
    "HEADERS that end nothing": (frame(frames.HEADERS, frames.END_HEADERS, 1, b"\x00\x01a\x01b"), P),
    "pseudo-header in trailers": (frame(frames.HEADERS, STREAM_ENDS, 1, b"\x83"), P),
}


@pytest.mark.parametrize(("sent", "code"), STREAM_BREAKING.values(), ids=STREAM_BREAKING.keys())
def test_a_broken_rule_of_a_stream_ends_it_alone(sent: bytes, code: int) -> None:
    peer = Peer()
    stream, other = peer.begin(1), peer.begin(3)
    peer.send(sent)
    assert peer.resets() == {1: code}
    assert stream.heard[-1] == ("reset",)
    peer.send(data(3, b"still here"))
    assert other.heard[-1] == ("data", b"still here", False)
    assert peer.error is None


def test_a_malformed_request_is_reset_and_makes_no_stream() -> None:
    peer = Peer()
    peer.send(peer.headers(1, [(":method", "POST")]))
    assert (peer.resets(), peer.made) == ({1: P}, [])
    assert peer.begin(3).heard == [("head", "/a.B/C", False)]


@pytest.mark.parametrize(
    ("length", "sent"),
    [
        ("5", data(1, b"123", end=True)),
        ("5", data(1, b"123456")),
        ("5", data(1, b"123") + data(1, b"456")),
        ("5", data(1, b"123") + frame(frames.HEADERS, STREAM_ENDS, 1, b"\x00\x01a\x01b")),
    ],
)
def test_a_body_of_another_length_than_promised_is_malformed(length: str, sent: bytes) -> None:
    peer = Peer()
    peer.begin(1, [*REQUEST, ("content-length", length)])
    peer.send(sent)
    assert peer.resets() == {1: P}


def test_bodies_of_another_length_leave_the_connection_its_window() -> None:
    peer = Peer(ServerLimits(connection_window=100_000))
    for number in range(1, 400, 2):
        peer.begin(number, [*REQUEST, ("content-length", "1")])
        peer.send(data(number, bytes(1000)))
    assert peer.error is None
    assert 150_000 <= peer.updates(0) <= 200_000


def test_a_body_of_the_length_promised_is_taken() -> None:
    peer = Peer()
    stream = peer.begin(1, [*REQUEST, ("content-length", "5")])
    peer.send(data(1, b"123"), frame(frames.DATA, frames.PADDED | frames.END_STREAM, 1, b"\x0245\0\0"))
    assert stream.body == b"12345"
    peer.send(peer.headers(3, [*REQUEST, ("content-length", "5")], end=True))
    assert peer.resets() == {3: P}


def test_frames_of_streams_that_are_over_are_ignored() -> None:
    """They were on their way when the answer ended the stream; header blocks count for the table all the same."""
    peer = Peer()
    peer.begin(1).end(OK)
    peer.listen()
    peer.send(
        data(1, b"late"),
        frames.window_update(1, 5),
        peer.headers(1, [("x-late", "1")], end=True),
        frames.reset(1, frames.CANCEL),
        frame(frames.PRIORITY, 0, 1, bytes(5)),
    )
    assert peer.error is None
    assert peer.resets() == {1: frames.NO_ERROR}
    assert peer.begin(3, [*REQUEST, ("x-late", "1")]).heard == [("head", "/a.B/C", False)]


def test_frames_of_streams_that_both_sides_ended_are_faults() -> None:
    peer = Peer()
    peer.begin(5, end=True).end(OK)
    peer.send(data(5, b"more"))
    assert peer.resets() == {5: frames.STREAM_CLOSED}
    peer.send(data(5, b"which was on its way"))
    assert peer.error is None
    peer.begin(7, end=True).end(OK)
    peer.send(peer.headers(7))
    assert peer.error == frames.STREAM_CLOSED


def test_streams_begin_in_order() -> None:
    """RFC 9113, section 5.1.1."""
    peer = Peer()
    peer.begin(5)
    peer.send(peer.headers(3))
    assert peer.error is not None


def test_what_is_remembered_of_streams_that_were_cut_is_bounded() -> None:
    peer = Peer(ServerLimits(max_streams=10))
    for number in range(1, 201, 2):
        peer.begin(number).end(OK)
    assert len(peer.server._cut) == 20


def test_an_answer_that_ends_early_tells_the_peer_to_stop() -> None:
    peer = Peer()
    early, late = peer.begin(1), peer.begin(3, end=True)
    early.end(OK)
    late.end(OK)
    peer.listen()
    assert peer.resets() == {1: frames.NO_ERROR}


def test_streams_above_the_limit_are_refused_and_can_be_tried_again() -> None:
    peer = Peer(ServerLimits(max_streams=2))
    first, _ = peer.begin(1), peer.begin(3)
    peer.send(peer.headers(5))
    assert peer.resets() == {5: frames.REFUSED_STREAM}
    peer.send(data(5, b"of the refused stream"))
    assert peer.error is None
    first.end(OK)
    assert peer.begin(7).heard == [("head", "/a.B/C", False)]


def test_a_lost_connection_is_heard_by_every_stream_once() -> None:
    class Bystander(RecordingStream):
        def on_reset(self) -> None:
            super().on_reset()
            for stream in list(self.connection.streams.values()):
                stream.reset(frames.CANCEL)  # as when one call's end settles another's

    peer = Peer(stream_type=Bystander)
    streams = [peer.begin(1), peer.begin(3), peer.begin(5)]
    peer.server.lost()
    peer.server.lost()
    assert [stream.heard.count(("reset",)) for stream in streams] == [1, 0, 0]
    assert all(stream.over for stream in streams)


def test_output_is_announced_once_until_it_is_taken() -> None:
    peer = Peer()
    before = peer.outputs
    stream = peer.begin(1)
    stream.send_headers(OK)
    stream.send_data(b"1")
    stream.send_data(b"2")
    assert peer.outputs == before + 1
    peer.listen()
    stream.end(DONE)
    assert peer.outputs == before + 2


@given(st.binary(max_size=400))
def test_no_bytes_break_a_connection(sent: bytes) -> None:
    for greeting in (b"", frames.PREFACE, frames.PREFACE + frames.settings({})):
        peer = Peer(greet=False)
        peer.send(greeting + sent)
        peer.server.lost()
        assert not peer.server.streams


some_frames = st.lists(
    st.tuples(st.integers(0, 10), st.integers(0, 255), st.sampled_from([0, 1, 2, 3, 5, 7]), st.binary(max_size=12)),
    max_size=30,
)


@given(some_frames)
def test_no_frames_break_a_connection(sent: list[tuple[int, int, int, bytes]]) -> None:
    peer = Peer()
    streams = [peer.begin(1), peer.begin(3)]
    peer.send(*(frame(*one) for one in sent))
    peer.server.lost()
    assert not peer.server.streams
    for stream in streams:
        assert stream.heard.count(("reset",)) == 1
