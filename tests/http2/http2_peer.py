"""A client's side of an HTTP/2 connection, without I/O: joined to a ``ServerConnection``, it keeps what the server said
and breaks rules on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import hpack

from modelyard.http2 import frames
from modelyard.http2.frames import FrameCutter
from modelyard.http2.request_heads import RequestHead
from modelyard.http2.server_connection import ServerConnection
from modelyard.http2.server_limits import ServerLimits
from modelyard.http2.server_stream import ServerStream

REQUEST = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/a.B/C"),
    (":authority", "epp"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
]


class Said(NamedTuple):
    """A frame of the server's."""

    kind: int
    flags: int
    stream: int
    payload: bytes


class RecordingStream(ServerStream):
    """What a stream heard, in order."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.heard: list[tuple[Any, ...]] = []

    def on_head(self, head: RequestHead, *, end: bool) -> None:
        self.heard.append(("head", head.path, end))

    def on_data(self, data: bytes, *, end: bool) -> None:
        self.heard.append(("data", data, end))

    def on_reset(self) -> None:
        self.heard.append(("reset",))

    def on_writable(self) -> None:
        self.heard.append(("writable",))

    @property
    def body(self) -> bytes:
        return b"".join(event[1] for event in self.heard if event[0] == "data")


class Peer:
    """Sends to a server's connection, and reads what it says after each time."""

    def __init__(
        self,
        limits: ServerLimits | None = None,
        *,
        greet: bool = True,
        stream_type: Callable[..., ServerStream] = RecordingStream,
        settings: dict[int, int] | None = None,
    ) -> None:
        self.made: list[ServerStream] = []
        self.outputs = 0
        """Times that the connection said that it has something to take."""

        def make(*arguments: Any) -> ServerStream:
            stream = stream_type(*arguments)
            self.made.append(stream)
            return stream

        self.now = 0.0
        self.server = ServerConnection(make, limits or ServerLimits(), self.now, self._output)
        self.encoder = hpack.Encoder()
        self._decoder = hpack.Decoder()
        self._cutter = FrameCutter(1 << 24)
        self.said: list[Said] = []
        self.listen()
        if greet:
            self.send(frames.PREFACE, frames.settings(settings or {}))
            self.said.clear()

    def _output(self) -> None:
        self.outputs += 1

    def send(self, *data: bytes) -> list[Said]:
        """Bytes to the server; what it said to them."""
        self.server.receive(b"".join(data), self.now)
        return self.listen()

    def listen(self) -> list[Said]:
        """What the server says now."""
        new: list[Said] = []
        while data := self.server.outgoing.take():
            new += (Said(*one) for one in self._cutter.feed(data))
        self.said += new
        return new

    def headers(self, stream: int, fields: Iterable[tuple[str, str]] = REQUEST, *, end: bool = False) -> bytes:
        flags = frames.END_HEADERS | (frames.END_STREAM if end else 0)
        return frames.frame(frames.HEADERS, flags, stream, self.encoder.encode(list(fields)))

    def begin(self, stream: int, fields: Iterable[tuple[str, str]] = REQUEST, *, end: bool = False) -> Any:
        """Begin a stream; the server's object of it."""
        self.send(self.headers(stream, fields, end=end))
        return self.made[-1]

    def fields(self, said: Said) -> dict[str, str]:
        """A header block of the server's. Each only once: the table would be out of step."""
        return dict(self._decoder.decode(said.payload))

    @property
    def error(self) -> int | None:
        """The code of the GOAWAY that ended the connection."""
        if not self.server.ended:
            return None
        return int.from_bytes(next(one.payload for one in reversed(self.said) if one.kind == frames.GOAWAY)[4:8], "big")

    def resets(self) -> dict[int, int]:
        """Codes of RST_STREAM frames by stream."""
        return {one.stream: int.from_bytes(one.payload, "big") for one in self.said if one.kind == frames.RST_STREAM}

    def data_of(self, stream: int) -> bytes:
        return b"".join(one.payload for one in self.said if one.kind == frames.DATA and one.stream == stream)

    def updates(self, stream: int) -> int:
        """Sum of the server's window updates."""
        found = (one for one in self.said if one.kind == frames.WINDOW_UPDATE and one.stream == stream)
        return sum(int.from_bytes(one.payload, "big") for one in found)


def data(stream: int, payload: bytes = b"", *, end: bool = False) -> bytes:
    return frames.frame(frames.DATA, frames.END_STREAM if end else 0, stream, payload)
