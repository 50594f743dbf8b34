"""The body half of a client's connection: reads a request's body when the relay asks for it, whole or in pieces."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final, cast

from modelyard.http1.body_framing import BodyDecoder, LengthDecoder, request_decoder
from modelyard.http1.chunked_coding import MalformedChunk
from modelyard.http1.message_heads import RequestHead
from modelyard.http1.serialising import CONTINUE

if TYPE_CHECKING:
    from modelyard.proxy.data_plane import DataPlane
    from modelyard.proxy.exchange_relay import ExchangeRelay
    from modelyard.proxy.request_forwarding import RequestForwarding

log = logging.getLogger(__name__)

HEAD, BUSY, BODY, LINGER, TUNNEL, CLOSED = range(6)
_READ: Final = LengthDecoder(0)
"""Stands for a body that was here whole."""


class BodyIntake(asyncio.Protocol):
    """What ``ClientConnection`` knows of the body under way."""

    __slots__ = (
        "_collected",
        "_decoder",
        "_held",
        "_limit",
        "_pending",
        "_phase",
        "_size",
        "_started",
        "due",
        "plane",
        "read_paused",
        "relay",
        "tick",
        "transport",
    )

    def __init__(self, plane: DataPlane) -> None:
        self.plane = plane
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.relay: ExchangeRelay | None = None
        self.due = 0.0
        self.tick = 0
        self.read_paused = False
        self._phase = HEAD
        self._pending = b""
        """Bytes that came and were not used yet: a partial head, a body nobody asked for, the next request."""
        self._decoder: BodyDecoder | None = None
        """Set from when the body is being read until the exchange ends."""
        self._collected: list[bytes] | None = None
        """Pieces of a body that is wanted whole; None: pieces are passed on."""
        self._held = 0
        """Bytes of the body that count in ``DataPlane.held_bodies``."""
        self._size = 0
        self._limit = 0
        self._started = 0.0

    # -- what the relay asks for

    def collect_body(self, relay: RequestForwarding, head: RequestHead, limit: int) -> None:
        """Read the whole body, then call ``relay.body_collected``, or ``relay.body_too_large`` above ``limit``, or
        ``relay.overloaded`` where the worker holds too much already."""
        length = head.content_length
        pending = self._pending
        if length is None and not head.chunked:
            relay.body_collected(b"")
        elif length is not None and length > limit:
            relay.body_too_large()
        elif length is not None and length == len(pending):
            if not self._hold(length):
                relay.overloaded()
                return
            self._pending = b""
            self._decoder = _READ
            relay.body_collected(pending)
        else:
            self._collected = []
            self._limit = limit
            self._read_body(head)

    def _hold(self, size: int) -> bool:
        """Count ``size`` more bytes of a body that is kept; False: there are as many as there may be."""
        plane = self.plane
        held = plane.held_bodies + size
        if held > plane.limits.max_held_bodies:
            return False
        plane.held_bodies = held
        self._held += size
        return True

    def release_body(self) -> None:
        """Nobody holds the body any longer."""
        self.plane.held_bodies -= self._held
        self._held = 0

    def stream_body(self, head: RequestHead) -> None:
        """Pass the body piece by piece to ``relay.body_piece``."""
        self._collected = None
        self._limit = self.plane.limits.max_body
        self._read_body(head)

    def body_unread(self, head: RequestHead) -> bool:
        """Whether part of the request's body is still to come; what is here whole is dropped."""
        if self._phase == BODY:
            return True
        if self._decoder is not None or not head.has_body:
            return False
        length = head.content_length
        if length is None or len(self._pending) < length:
            return True
        self._pending = self._pending[length:]
        return False

    def pause_body(self) -> None:
        """The endpoint takes no more for now; its time counts, not the client's."""
        if self._phase == BODY:
            self.pause_reading()
            self.set_due(time.monotonic() + self.plane.limits.upstream_stall)

    def resume_body(self) -> None:
        if self._phase == BODY:
            self._expect_body()
            self.resume_reading()

    # -- reading

    def _read_body(self, head: RequestHead) -> None:
        self._phase = BODY
        self._size = 0
        self._decoder = request_decoder(head)
        if head.expect_continue and not self._pending:
            self.transport.write(CONTINUE)
        self._expect_body()
        pending, self._pending = self._pending, b""
        self.resume_reading()
        if pending:
            self._take_body(pending)

    def _expect_body(self) -> None:
        """Start the clock of a body: it may pause for ``body_idle``, and must keep ``body_min_rate`` from now on."""
        limits = self.plane.limits
        now = time.monotonic()
        self._started = now - self._size / limits.body_min_rate
        self.set_due(now + limits.body_idle)

    def _take_body(self, data: bytes) -> None:
        decoder = cast("BodyDecoder", self._decoder)
        relay = cast("ExchangeRelay", self.relay)
        try:
            payload = decoder.feed(data)
        except MalformedChunk as fault:
            relay.body_malformed(str(fault))
            return
        self._size += len(payload)
        if self._size > self._limit:
            relay.body_too_large()
            return
        if decoder.done:
            self._phase = BUSY
            self._pending = decoder.rest
        else:
            self._move_deadline()
        if self._collected is None:
            relay.body_piece(payload, decoder.done)
        else:
            self._collect(relay, payload, decoder.done)

    def _move_deadline(self) -> None:
        limits = self.plane.limits
        idle_end = self.plane.wheel.now + limits.body_idle
        self.set_due(min(idle_end, self._started + limits.body_idle + self._size / limits.body_min_rate))

    def _collect(self, relay: ExchangeRelay, payload: bytes, done: bool) -> None:
        if not self._hold(len(payload)):
            relay.overloaded()
            return
        pieces = cast("list[bytes]", self._collected)
        pieces.append(payload)
        if done:
            self._collected = None
            try:
                relay.body_collected(b"".join(pieces))
            except Exception:
                log.exception("an exchange failed on a body")
                relay.fail()

    # -- flow and time

    def pause_reading(self) -> None:
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()
            self.plane.departures.watch(self)

    def resume_reading(self) -> None:
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
            self.plane.departures.forget(self)

    def set_due(self, due: float) -> None:
        """Give the connection a deadline; the exchange's own end counts where it is earlier."""
        relay = self.relay
        if relay is not None and relay.deadline < due:
            due = relay.deadline
        self.plane.wheel.set(self, due)

    def on_due(self, now: float) -> None:
        raise NotImplementedError
