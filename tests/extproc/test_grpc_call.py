"""Calls on an HTTP/2 connection without sockets: messages in, back-pressure, every way to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.extproc.grpc_call import LONG
from modelyard.extproc.grpc_connection import CALLS_AT_ONCE, GrpcConnection
from modelyard.extproc.grpc_limits import GrpcLimits
from modelyard.extproc.grpc_server import GrpcServer
from modelyard.extproc.grpc_stream import GrpcStream, StreamHandler
from modelyard.http2 import frames, grpc
from modelyard.http2.frames import FrameCutter, frame

METHOD = "/a.B/C"
LIMITS = GrpcLimits(max_message=1000, max_kept=2500)

loop = asyncio.new_event_loop()


@pytest.fixture(autouse=True, scope="module")
def one_loop() -> Iterator[None]:
    """Making a loop costs more than a test."""
    yield
    loop.close()


class Recorder:
    """A handler that writes down what it hears, and does what its test says at each message."""

    def __init__(self, stream: GrpcStream, at_message: Callable[[Recorder, bytes], None] | None = None) -> None:
        self.stream = stream
        self.heard: list[Any] = []
        self._at_message = at_message

    def on_message(self, message: bytes) -> None:
        self.heard.append(message)
        if self._at_message is not None:
            self._at_message(self, message)

    def on_message_begun(self, size: int) -> None:
        self.heard.append(("begun", size))

    def on_half_close(self) -> None:
        self.heard.append("half-closed")

    def on_cancelled(self) -> None:
        self.heard.append("cancelled")

    def on_writable(self) -> None:
        self.heard.append("writable")


class Wire:
    """A transport that keeps what is written, and the client's half of the connection."""

    def __init__(self, open_stream: Callable[[GrpcStream], StreamHandler], limits: GrpcLimits = LIMITS) -> None:
        self.loop = loop
        self.written = b""
        self.unsent = 0
        """Bytes that the client has not taken."""
        self.reading = True
        self.closed = False
        self.handlers: list[Any] = []
        self.encoder = hpack.Encoder()

        def opened(stream: GrpcStream) -> StreamHandler:
            handler = open_stream(stream)
            self.handlers.append(handler)
            return handler

        self.server = GrpcServer(self.loop, limits)
        self.connection = GrpcConnection(self.server, {METHOD: opened})
        self.connection.connection_made(self)  # type: ignore[arg-type]
        self.give(frames.PREFACE, frames.settings({}))
        self.written = b""

    def get_extra_info(self, name: str) -> Any:
        return ("192.0.2.7", 4711) if name == "peername" else None

    def set_write_buffer_limits(self, high: int) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def write(self, data: bytes) -> None:
        self.written += data

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True

    abort = close

    def give(self, *data: bytes) -> None:
        self.connection.data_received(b"".join(data))

    def turn(self) -> None:
        """Let what was scheduled happen."""
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()

    def head(self, stream: int, *, end: bool = False, **changed: str) -> bytes:
        fields = {
            ":method": "POST",
            ":scheme": "http",
            ":path": METHOD,
            "content-type": "application/grpc",
            "te": "trailers",
        } | {name.replace("__", ":").replace("_", "-"): value for name, value in changed.items()}
        flags = frames.END_HEADERS | (frames.END_STREAM if end else 0)
        return frame(frames.HEADERS, flags, stream, self.encoder.encode(fields))

    def begin(self, stream: int, **changed: str) -> Any:
        self.give(self.head(stream, **changed))
        return self.handlers[-1] if self.handlers else None

    def answers(self) -> dict[int, tuple[dict[str, str], bytes, bool]]:
        """Of each stream: all header fields, the body, whether it was reset."""
        decoder = hpack.Decoder()
        found: dict[int, tuple[dict[str, str], bytes, bool]] = {}
        for kind, _, stream, payload in FrameCutter(1 << 24).feed(self.written):
            fields, body, was_reset = found.get(stream, ({}, b"", False))
            if kind == frames.HEADERS:
                fields |= dict(decoder.decode(payload))
            found[stream] = (
                fields,
                body + payload if kind == frames.DATA else body,
                was_reset or kind == frames.RST_STREAM,
            )
        return found

    def end(self) -> None:
        self.server.close()


def message(data: bytes) -> bytes:
    return grpc.prefix(len(data)) + data


def data(stream: int, payload: bytes, *, end: bool = False) -> bytes:
    return frame(frames.DATA, frames.END_STREAM if end else 0, stream, payload)


def test_a_call_with_answers_to_each_message() -> None:
    wire = Wire(lambda stream: Recorder(stream, lambda handler, m: _ignore(handler.stream.send(b"re:" + m))))
    handler = wire.begin(1)
    wire.give(data(1, message(b"one")), data(1, message(b"")), data(1, message(b"three"), end=True))
    assert handler.heard == [b"one", b"", b"three", "half-closed"]
    handler.stream.finish()
    wire.turn()
    fields, body, was_reset = wire.answers()[1]
    assert fields == {":status": "200", "content-type": "application/grpc", "grpc-status": "0"}
    assert body == message(b"re:one") + message(b"re:") + message(b"re:three")
    assert not was_reset
    wire.end()


def _ignore(_: object) -> None:
    """The answer of a call that a lambda must not return."""


def test_what_a_call_knows_of_its_request() -> None:
    wire = Wire(Recorder)
    stream = wire.begin(1, __authority="epp", x_a="b").stream
    assert (stream.path, stream.peer) == (METHOD, "192.0.2.7")
    assert (stream.metadata[":authority"], stream.metadata["x-a"]) == ("epp", "b")
    wire.end()


@given(st.lists(st.binary(max_size=300), max_size=5), st.lists(st.integers(0, 1600), max_size=6), st.booleans())
def test_messages_wherever_frames_cut_them(messages: list[bytes], cuts: list[int], pause: bool) -> None:
    """However the bytes come, and whether the handler pauses after each or not."""

    def maybe_pause(handler: Recorder, _: bytes) -> None:
        if pause:
            handler.stream.pause_reading()

    wire = Wire(lambda stream: Recorder(stream, maybe_pause))
    handler = wire.begin(1)
    body = b"".join(map(message, messages))
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    for at in range(len(places) - 1):
        wire.give(data(1, body[places[at] : places[at + 1]]))
    wire.give(data(1, b"", end=True))
    if pause:
        for count in range(len(messages)):
            assert handler.heard == messages[: count + 1]
            handler.stream.resume_reading()
    assert handler.heard == [*messages, "half-closed"]
    assert wire.connection.kept == 0
    wire.end()


def test_resuming_within_a_message_goes_on_once() -> None:
    def pause_and_resume(handler: Recorder, _: bytes) -> None:
        handler.stream.pause_reading()
        handler.stream.resume_reading()

    wire = Wire(lambda stream: Recorder(stream, pause_and_resume))
    handler = wire.begin(1)
    wire.give(data(1, message(b"a") + message(b"b") + message(b"c"), end=True))
    assert handler.heard == [b"a", b"b", b"c", "half-closed"]
    wire.end()


def test_a_call_that_began_paused_hears_nothing_until_it_goes_on() -> None:
    def paused(stream: GrpcStream) -> Recorder:
        stream.pause_reading()
        assert stream.reading_paused
        return Recorder(stream)

    wire = Wire(paused)
    handler = wire.begin(1)
    wire.give(data(1, message(b"a")), data(1, message(b"b"), end=True))
    assert handler.heard == []
    handler.stream.resume_reading()
    assert handler.heard == [b"a", b"b", "half-closed"]
    handler.stream.resume_reading()
    assert handler.heard[-1] == "half-closed"
    wire.end()


def test_a_long_message_is_announced_once() -> None:
    wire = Wire(Recorder, GrpcLimits())
    handler = wire.begin(1)
    long = message(bytes(LONG))
    wire.give(data(1, message(b"short")), data(1, long[:3]))
    assert handler.heard == [b"short"]
    for at in range(3, len(long), 100_000):
        wire.give(data(1, long[at : at + 100_000]))
        assert handler.heard[1] == ("begun", LONG)
    assert handler.heard == [b"short", ("begun", LONG), bytes(LONG)]
    wire.give(data(1, long[:10]))
    assert handler.heard[3:] == [("begun", LONG)]
    wire.end()


def test_a_request_without_messages_half_closes_at_once() -> None:
    wire = Wire(Recorder)
    wire.give(wire.head(1, end=True))
    assert wire.handlers[0].heard == ["half-closed"]
    wire.end()


def _send_last(handler: Recorder, _: bytes) -> None:
    handler.stream.send(b"last", last=True)
    handler.stream.send(b"more")
    handler.stream.finish(grpc.INTERNAL)


def test_last_ends_the_call_and_nothing_follows() -> None:
    wire = Wire(lambda stream: Recorder(stream, _send_last))
    handler = wire.begin(1)
    wire.give(data(1, message(b"a") + message(b"b")), data(1, message(b"c")), frames.reset(1, frames.CANCEL))
    assert handler.heard == [b"a"]
    fields, body, was_reset = wire.answers()[1]
    assert (fields["grpc-status"], body, was_reset) == ("0", message(b"last"), True)
    assert wire.connection.open_calls == 0
    wire.end()


REFUSED = {
    "another method": ({"__path": "/a.B/X"}, {"grpc-status": "12", ":status": "200"}),
    "GET": ({"__method": "GET"}, {":status": "405"}),
    "not gRPC": ({"content_type": "application/json"}, {":status": "415"}),
    "gRPC-Web": ({"content_type": "application/grpc-web"}, {":status": "415"}),
    "a timeout that is none": ({"grpc_timeout": "soon"}, {"grpc-status": "13"}),
}


@pytest.mark.parametrize(("changed", "wanted"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_call_of_a_method_here_is_refused(changed: dict[str, str], wanted: dict[str, str]) -> None:
    wire = Wire(Recorder)
    wire.begin(1, **changed)
    wire.give(data(1, message(b"ignored")))
    fields, body, _ = wire.answers()[1]
    assert fields | wanted == fields
    assert (body, wire.handlers, wire.connection.open_calls) == (b"", [], 0)
    wire.end()


BROKEN = {
    "compressed": (b"\x01\0\0\0\x01x", grpc.UNIMPLEMENTED),
    "no flag": (b"\x07\0\0\0\x01x", grpc.INTERNAL),
    "too long": (grpc.prefix(1001), grpc.RESOURCE_EXHAUSTED),
}


@pytest.mark.parametrize(("sent", "status"), BROKEN.values(), ids=BROKEN.keys())
def test_a_message_that_is_not_taken_ends_the_call(sent: bytes, status: int) -> None:
    wire = Wire(Recorder)
    handler = wire.begin(1)
    wire.give(data(1, message(b"good") + sent), data(1, message(b"more")))
    assert handler.heard == [b"good", "cancelled"]
    assert wire.answers()[1][0]["grpc-status"] == str(status)
    wire.end()


@pytest.mark.parametrize("part", [b"\0", message(b"ab")[:-1], grpc.prefix(5)])
def test_a_call_that_ends_within_a_message_is_a_fault(part: bytes) -> None:
    wire = Wire(Recorder)
    handler = wire.begin(1)
    wire.give(data(1, part, end=True))
    assert handler.heard == ["cancelled"]
    assert wire.answers()[1][0]["grpc-status"] == str(grpc.INTERNAL)
    wire.end()


def test_messages_that_are_incomplete_have_one_bound_for_all_calls() -> None:
    wire = Wire(Recorder)
    for stream in (1, 3, 5):
        wire.begin(stream)
        wire.give(data(stream, grpc.prefix(1000) + bytes(900)))
    assert [handler.heard for handler in wire.handlers] == [[], [], ["cancelled"]]
    assert wire.answers()[5][0]["grpc-status"] == str(grpc.RESOURCE_EXHAUSTED)
    wire.give(frames.reset(3, frames.CANCEL))
    wire.begin(7)
    wire.give(data(7, grpc.prefix(1000) + bytes(900)), data(7, bytes(100)), data(1, bytes(100)))
    assert [len(handler.heard[0]) for handler in (wire.handlers[0], wire.handlers[3])] == [1000, 1000]
    assert wire.connection.kept == 0
    wire.end()


def _raise(*_: object) -> None:
    raise RuntimeError("a fault of the method's")


def test_a_handler_that_raises_ends_its_call_alone(caplog: pytest.LogCaptureFixture) -> None:
    wire = Wire(lambda stream: Recorder(stream, _raise))
    first, second = wire.begin(1), wire.begin(3)
    wire.give(data(1, message(b"a") + message(b"b")), data(3, b""))
    assert (first.heard, second.heard) == ([b"a", "cancelled"], [])
    assert wire.answers()[1][0]["grpc-status"] == str(grpc.INTERNAL)
    assert "a fault of the method's" in caplog.text
    wire.end()


def test_a_method_that_fails_to_start_says_so(caplog: pytest.LogCaptureFixture) -> None:
    def fail(stream: GrpcStream) -> StreamHandler:
        raise RuntimeError("no gateway")

    wire = Wire(fail)
    wire.give(wire.head(1))
    assert wire.answers()[1][0]["grpc-status"] == str(grpc.INTERNAL)
    assert wire.connection.open_calls == 0
    wire.end()


def _finish_at_once(stream: GrpcStream) -> StreamHandler:
    stream.finish(grpc.UNAVAILABLE, "not yet: 100 %")
    return Recorder(stream)


def test_a_call_may_be_refused_as_it_begins() -> None:
    wire = Wire(_finish_at_once)
    handler = wire.begin(1)
    wire.give(data(1, message(b"a")))
    assert handler.heard == []
    fields = wire.answers()[1][0]
    assert (fields["grpc-status"], fields["grpc-message"]) == ("14", "not yet: 100 %25")
    wire.end()


ENDS = {
    "reset": lambda wire: wire.give(frames.reset(1, frames.CANCEL)),
    "a fault of the connection": lambda wire: wire.give(frame(frames.PING, 0, 1, bytes(8))),
    "the connection is lost": lambda wire: wire.connection.connection_lost(None),
    "the server ends": lambda wire: wire.server.close(),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_every_end_from_outside_is_heard_once(end: Callable[[Wire], None]) -> None:
    wire = Wire(Recorder)
    handler = wire.begin(1)
    wire.give(data(1, message(b"a")))
    end(wire)
    wire.connection.connection_lost(None)
    assert handler.heard == [b"a", "cancelled"]
    assert not handler.stream.send(b"more") or wire.connection.open_calls == 0
    handler.stream.finish()
    handler.stream.pause_reading()
    handler.stream.resume_reading()
    assert handler.heard == [b"a", "cancelled"]
    wire.end()


def test_a_deadline_ends_the_call() -> None:
    wire = Wire(Recorder)
    handler = wire.begin(1, grpc_timeout="1n")
    deadline = wire.loop.time() + 5
    while "cancelled" not in handler.heard and wire.loop.time() < deadline:
        wire.turn()
    wire.turn()
    assert handler.heard == ["cancelled"]
    assert wire.answers()[1][0]["grpc-status"] == str(grpc.DEADLINE_EXCEEDED)
    wire.end()


def test_a_deadline_of_a_call_that_ended_means_nothing() -> None:
    wire = Wire(Recorder)
    handler = wire.begin(1, grpc_timeout="1H")
    handler.stream.finish()
    wire.turn()
    assert handler.stream._timer is None
    wire.end()


def test_a_client_that_does_not_read_is_heard_of() -> None:
    wire = Wire(Recorder, GrpcLimits(max_message=1 << 20))
    handler = wire.begin(1)
    assert handler.stream.send(bytes(40_000))
    assert not handler.stream.send(bytes(40_000))
    wire.turn()
    wire.give(frames.window_update(1, 1 << 20), frames.window_update(0, 1 << 20))
    assert handler.heard == ["writable"]
    assert wire.answers()[1][1] == message(bytes(40_000)) * 2
    wire.end()


def test_messages_of_one_turn_leave_in_one_write() -> None:
    wire = Wire(Recorder)
    handler = wire.begin(1)
    writes: list[bytes] = []
    wire.connection._transport.write = writes.append  # type: ignore[union-attr,method-assign,assignment]
    handler.stream.send(b"a")
    handler.stream.send(b"b", last=True)
    assert writes == []
    wire.turn()
    assert len(writes) == 1
    wire.end()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["begin", "message", "part", "half-close", "reset", "answer", "finish", "pause", "resume"]),
            st.sampled_from([1, 3, 5]),
        ),
        max_size=40,
    )
)
def test_any_order_of_events_ends_every_call_exactly_once(events: list[tuple[str, int]]) -> None:
    wire = Wire(Recorder)
    calls: dict[int, Recorder] = {}
    ended: set[int] = set()
    for kind, number in events:
        call = calls.get(number)
        if kind == "begin":
            if call is None and number > max(calls, default=0):
                calls[number] = wire.begin(number)
        elif call is None:
            continue
        elif kind in ("message", "part", "half-close"):
            if "half-closed" not in call.heard and not getattr(call, "closed", False):
                call.closed = kind == "half-close"  # type: ignore[attr-defined]
                body = message(b"m") if kind == "message" else (b"" if kind == "half-close" else b"\0\0\0")
                wire.give(data(number, body, end=kind == "half-close"))
        elif kind == "reset":
            wire.give(frames.reset(number, frames.CANCEL))
        elif kind == "answer":
            call.stream.send(b"answer")
        elif kind == "finish":
            if "cancelled" not in call.heard:
                ended.add(number)
            call.stream.finish()
        else:
            (call.stream.pause_reading if kind == "pause" else call.stream.resume_reading)()
    wire.connection.connection_lost(None)
    for number, call in calls.items():
        assert call.heard.count("cancelled") == (0 if number in ended else 1)
        assert "cancelled" not in call.heard[:-1]
        assert call.heard.count("half-closed") <= 1
    assert wire.connection.kept == 0
    assert wire.connection.open_calls == 0
    wire.end()


def test_messages_that_are_incomplete_have_one_bound_for_all_connections() -> None:
    first, second = Wire(Recorder, GrpcLimits(max_kept_by_all=1500)), Wire(Recorder)
    second.connection = GrpcConnection(first.server, second.connection.services)
    second.connection.connection_made(second)  # type: ignore[arg-type]
    second.give(frames.PREFACE, frames.settings({}))
    begun = b"\0\0\0\xff\xff" + bytes(995)
    one, other = first.begin(1), second.begin(1)
    first.give(data(1, begun))
    assert first.server.kept == 995
    second.give(data(1, begun))
    assert (one.heard, other.heard) == ([], ["cancelled"])
    assert first.server.kept == 995
    assert second.answers()[1][0]["grpc-status"] == str(grpc.RESOURCE_EXHAUSTED)
    first.connection.connection_lost(None)
    assert (one.heard, first.server.kept) == (["cancelled"], 0)
    second.end()
    first.end()


def test_calls_have_one_bound_for_all_connections() -> None:
    first, second = Wire(Recorder, GrpcLimits(max_calls=100)), Wire(Recorder)
    second.connection = GrpcConnection(first.server, second.connection.services)
    second.connection.connection_made(second)  # type: ignore[arg-type]
    second.give(frames.PREFACE, frames.settings({}))
    for wire in (first, second):
        wire.give(*(wire.head(number) for number in range(1, 200, 2)))
    assert (first.connection.open_calls, second.connection.open_calls) == (100, CALLS_AT_ONCE - 1)
    assert len(second.handlers) == CALLS_AT_ONCE - 1
    assert second.answers()[199][0]["grpc-status"] == str(grpc.RESOURCE_EXHAUSTED)
    first.connection.connection_lost(None)
    second.give(second.head(201))
    assert second.connection.open_calls == CALLS_AT_ONCE
    second.end()
    first.end()


def test_who_asks_without_end_and_reads_nothing_is_not_read_from() -> None:
    """Refusals obey no window."""
    wire = Wire(Recorder, GrpcLimits(write_most=1000))
    wire.connection.pause_writing()
    wire.unsent = 1000
    wire.give(wire.head(1, __path="/a.B/Unknown", end=True))
    assert wire.reading
    wire.unsent = 1001
    wire.give(wire.head(3, __path="/a.B/Unknown", end=True))
    assert not wire.reading
    wire.unsent = 0
    wire.connection.resume_writing()
    assert wire.reading
    wire.end()
