"""One gRPC call: a stream of HTTP/2 that cuts messages and keeps the promises of ``grpc_stream``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from modelyard.extproc.grpc_stream import StreamHandler
from modelyard.http2 import grpc
from modelyard.http2.grpc import OK, GrpcFault, MessageReader
from modelyard.http2.request_heads import RequestHead
from modelyard.http2.server_connection import ServerConnection
from modelyard.http2.server_stream import ServerStream

if TYPE_CHECKING:
    from modelyard.extproc.grpc_connection import GrpcConnection

log = logging.getLogger(__name__)

_FAILED = "the server failed; its log says why"

LARGE = 16 << 10
"""Bytes from which a message is not copied to stand behind its prefix, but sent as data of its own."""
LONG = 1 << 20
"""Bytes from which a handler hears of a message that is on its way."""


class GrpcCall(ServerStream):
    """A ``GrpcStream``."""

    __slots__ = ("_begun", "_client", "_delivering", "_end_seen", "_handler", "_head", "_kept", "_reader", "_timer")

    def __init__(
        self, client: GrpcConnection, connection: ServerConnection, number: int, send_window: int, receive_window: int
    ) -> None:
        ServerStream.__init__(self, connection, number, send_window, receive_window)
        self._client = client
        self._handler: StreamHandler | None = None
        """None once the call is over for its handler."""
        self._head: RequestHead | None = None
        self._reader: MessageReader | None = None
        """None as long as messages come one to a frame, as small ones do."""
        self._kept = 0
        """Bytes in ``_reader`` that the server was told of."""
        self._begun = False
        """The handler heard of the message that is on its way."""
        self._delivering = False
        self._end_seen = False
        self._timer: asyncio.TimerHandle | None = None

    # ── what the handler sees ──

    @property
    def path(self) -> str:
        assert self._head is not None
        return self._head.path

    @property
    def metadata(self) -> Mapping[str, str]:
        assert self._head is not None
        return self._head.by_name

    @property
    def peer(self) -> str:
        return self._client.peer

    @property
    def client(self) -> GrpcConnection:
        return self._client

    @property
    def reading_paused(self) -> bool:
        return self.paused

    def send(self, message: bytes, *, last: bool = False) -> bool:
        if self.over:
            return True
        if not self.answered:
            self.send_headers(grpc.RESPONSE_HEAD)
        size = len(message)
        if size < LARGE:
            taken = self.send_data(grpc.prefix(size) + message)
        else:
            self.send_data(grpc.prefix(size))
            taken = self.send_data(message)
        if last:
            self._leave()
            self.end(grpc.OK_TRAILERS)
        return taken

    def finish(self, status: int = OK, message: str = "") -> None:
        if self.over:
            return
        self._leave()
        answer = grpc.status_trailers if self.answered else grpc.status_only
        self.end(answer(status, message))

    def pause_reading(self) -> None:
        self.pause()

    def resume_reading(self) -> None:
        if not self.paused:
            return
        self.paused = False
        if self._delivering:
            return  # the loop that delivers goes on
        if self._reader is not None or self._end_seen:
            self._deliver()
        if not self.paused:
            self.resume()

    # ── what HTTP/2 says ──

    def on_head(self, head: RequestHead, *, end: bool) -> None:
        self._head = head
        opener = self._client.services.get(head.path)
        if opener is None or head.method != "POST" or not grpc.is_grpc(head):
            self.end(_refusal(head))
            return
        if not self._client.takes_call():
            self.finish(grpc.RESOURCE_EXHAUSTED, "the server has as many calls as it takes")
            return
        try:
            timeout = grpc.timeout_seconds(head)
            handler = opener(self)
        except GrpcFault as fault:
            self.finish(fault.status, fault.message)
            return
        except Exception:
            log.exception("a call failed to start")
            self.finish(grpc.INTERNAL, _FAILED)
            return
        if self.over:
            return
        self._handler = handler
        if timeout is not None:
            self._timer = self._client.loop.call_later(timeout, self._deadline_passed)
        if end:
            self.on_data(b"", end=True)

    def on_data(self, data: bytes, *, end: bool) -> None:
        if self._handler is None:
            return
        if end:
            self._end_seen = True
        if self._reader is None:
            message = grpc.only_message(data, self._client.max_message)
            if message is not None or not data:
                self._deliver(message)
                return
            self._reader = MessageReader(self._client.max_message)
        self._reader.feed(data)
        self._deliver()
        self._tell_begun()

    def on_reset(self) -> None:
        self._cancel()

    def on_writable(self) -> None:
        if self._handler is not None:
            try:
                self._handler.on_writable()
            except Exception:
                self._failed()

    # ── delivery ──

    def _deliver(self, message: bytes | None = None) -> None:
        """Give out messages, ``message`` first, until there are no more or the handler pauses or ends; then the end."""
        reader = self._reader
        self._delivering = True
        try:
            if message is None and reader is not None:
                message = reader.next()
            while message is not None and self._handler is not None:
                self._handler.on_message(message)
                if self.paused:
                    break
                message = reader.next() if reader is not None else None
            else:
                if self._end_seen and self._handler is not None:
                    self._half_close(self._handler)
            if reader is not None:
                self._count_kept(reader)
        except GrpcFault as fault:
            self._give_up(fault.status, fault.message)
        except Exception:
            self._failed()
        finally:
            self._delivering = False

    def _tell_begun(self) -> None:
        """Say once of a long message that it is on its way."""
        reader, handler = self._reader, self._handler
        awaited = 0 if reader is None or handler is None else reader.awaited
        begun, self._begun = self._begun, awaited >= LONG
        if handler is not None and self._begun and not begun:
            try:
                handler.on_message_begun(awaited)
            except Exception:
                self._failed()

    def _half_close(self, handler: StreamHandler) -> None:
        self._end_seen = False
        if self._reader is not None and self._reader.partial:
            raise GrpcFault(grpc.INTERNAL, "the last message is incomplete")
        handler.on_half_close()

    def _count_kept(self, reader: MessageReader) -> None:
        """Messages of all calls that are not complete have one bound."""
        if self._handler is None:
            return
        more, self._kept = reader.kept - self._kept, reader.kept
        if more and not self._client.keep(more):
            raise GrpcFault(grpc.RESOURCE_EXHAUSTED, "the server holds too many messages that are incomplete")

    # ── the end ──

    def _deadline_passed(self) -> None:
        self._give_up(grpc.DEADLINE_EXCEEDED, "the call's deadline has passed")

    def _failed(self) -> None:
        log.exception("a call failed")
        self._give_up(grpc.INTERNAL, _FAILED)

    def _give_up(self, status: int, message: str) -> None:
        handler = self._handler
        self.finish(status, message)
        self._tell(handler)

    def _cancel(self) -> None:
        handler = self._handler
        self._leave()
        self._tell(handler)

    def _tell(self, handler: StreamHandler | None) -> None:
        if handler is not None:
            try:
                handler.on_cancelled()
            except Exception:
                log.exception("a call failed when it was cancelled")

    def _leave(self) -> None:
        """The call is over for its handler, though what was sent may still be on its way."""
        self._handler = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._reader is not None:
            self._client.keep(-self._kept)
            self._reader = None
            self._kept = 0
        if self.paused:
            self.paused = False
            self.drop_pending()


def _refusal(head: RequestHead) -> bytes:
    """The answer to what is no call of a method that is served here."""
    if head.method != "POST":
        return grpc.NOT_POST
    if not grpc.is_grpc(head):
        return grpc.NOT_GRPC
    return grpc.status_only(grpc.UNIMPLEMENTED, f"there is no method {head.path[:200]} here")
