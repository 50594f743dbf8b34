"""What a gRPC method and the server see of each other: one stream, as calls in both directions.

There is no task and no queue per stream. The server calls a ``StreamHandler`` when something arrives; the handler calls
its ``GrpcStream`` when it has something to say, at once or at any later time of the same event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from modelyard.extproc.asking_connections import Connection
from modelyard.http2.grpc import OK


class GrpcStream(Protocol):
    """One call, as its handler uses it. After the stream ended, every method does nothing."""

    @property
    def path(self) -> str:
        """``/package.Service/Method``."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """The request's header fields by lower-case name, ``:authority`` among them. Fields that came more than once
        are joined by ``,``. Shared between streams: read only."""

    @property
    def peer(self) -> str:
        """Address of the client; empty where the socket has none."""

    @property
    def client(self) -> Connection:
        """The connection that it shares with other calls."""

    @property
    def reading_paused(self) -> bool:
        """``pause_reading`` is in force."""

    def send(self, message: bytes, *, last: bool = False) -> bool:
        """One message, without the gRPC prefix; ``last``: followed by status OK, which ends the stream.

        Nothing is written at once: what is sent in one turn of the event loop leaves in one write. False: the client
        does not take what is sent; it is kept, and ``on_writable`` tells when it is gone. A handler that can, stops
        reading until then.
        """

    def finish(self, status: int = OK, message: str = "") -> None:
        """End the stream with a gRPC status, after everything that was sent. ``on_cancelled`` is not called."""

    def pause_reading(self) -> None:
        """No ``on_message`` and no ``on_half_close`` until ``resume_reading``; the client's window holds it back."""

    def resume_reading(self) -> None:
        """Undo ``pause_reading``. What came meanwhile is delivered before this returns, unless reading is paused anew
        or this is called from within ``on_message``."""


class StreamHandler(Protocol):
    """One call, as a service serves it. Exactly one of these ends it: the handler's own ``send(last=True)`` or
    ``finish``, or ``on_cancelled``."""

    def on_message(self, message: bytes) -> None:
        """One whole message."""

    def on_message_begun(self, size: int) -> None:
        """A long message (``grpc_call.LONG``) is on its way; ``on_message`` follows when it is whole."""

    def on_half_close(self) -> None:
        """The client sends no more; it still reads."""

    def on_cancelled(self) -> None:
        """The client gave up, its connection ended, its deadline passed, it broke a rule, or the server ends. Called
        once, and nothing is called after it."""

    def on_writable(self) -> None:
        """What ``send`` said False to has been taken."""


OpenStream = Callable[[GrpcStream], StreamHandler]
"""What serves a method: called with every new stream. It may already send, finish or pause."""

Services = Mapping[str, OpenStream]
"""Methods by path, ``/package.Service/Method``."""
