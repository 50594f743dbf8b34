"""A copy of a request for another endpoint, whose answer is thrown away (Gateway API RequestMirror).

A mirror never slows or fails the request that it copies: where it cannot keep up, it is dropped.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from modelyard.exchange.commands import Mirror
from modelyard.exchange.contract import FailureKind
from modelyard.http1.message_heads import Headers, ResponseHead
from modelyard.proxy.upstream_connection import UpstreamConnection
from modelyard.worker.timing_wheel import OFF

if TYPE_CHECKING:
    from modelyard.proxy.data_plane import DataPlane

MOST_WAITING = 1024 * 1024
"""Bytes of a streamed request that may wait for the mirror's endpoint; above it the mirror is dropped. A body that is
here whole may be larger: it is not copied."""
LONGEST = 120.0
"""Seconds after which a mirrored request is dropped, answered or not."""


class MirroredRequest:
    """Sends the copy and drops the answer; an entry of the timing wheel."""

    __slots__ = (
        "_address",
        "_connection",
        "_ended",
        "_head",
        "_method",
        "_plane",
        "_size",
        "_waiting",
        "_whole",
        "connecting",
        "due",
        "tick",
    )

    def __init__(self, plane: DataPlane, mirror: Mirror, method: str) -> None:
        self._plane = plane
        self._address = mirror.address
        self._method = method
        self._head = mirror.head
        self._waiting: list[bytes] = []
        self._size = 0
        """Bytes in ``_waiting``."""
        self._whole = False
        self._ended = False
        self._connection: UpstreamConnection | None = None
        self.connecting: asyncio.Task[None] | None = None
        self.due = OFF
        self.tick = 0
        plane.wheel.set(self, time.monotonic() + LONGEST)
        connection = plane.pool.acquire(mirror.address, self)
        if connection is not None:
            self.upstream_ready(connection)

    def feed(self, data: bytes, done: bool) -> None:
        """The next bytes of the body as they go on the wire; ``done``: the last ones."""
        self._whole = self._whole or done
        connection = self._connection
        if self._ended:
            return
        if connection is None:
            self._waiting.append(data)
            self._size += len(data)
            if self._size > MOST_WAITING and not self._whole:
                self._drop()
            return
        if connection.write_paused:
            self._drop()
            return
        connection.write(data)
        connection.request_done = self._whole

    def abandon(self) -> None:
        """The copied request ended; a copy that is not whole by now never will be."""
        if not self._whole:
            self._drop()

    def on_due(self, now: float) -> None:
        self._drop()

    def _drop(self) -> None:
        if self._ended:
            return
        self._ended = True
        self.due = OFF
        self._waiting = []
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.cancel()
        else:
            self._plane.pool.withdraw(self._address, self)

    def upstream_ready(self, connection: UpstreamConnection) -> None:
        self._connection = connection
        connection.send(self, self._method, self._head, self._whole, False)
        waiting, self._waiting = self._waiting, []
        for data in waiting:
            connection.write(data)

    def upstream_unreachable(self, kind: FailureKind) -> None:
        self._ended = True
        self._waiting = []
        self.due = OFF

    def upstream_end(self, trailers: Headers) -> None:
        self._ended = True
        self.due = OFF
        self._connection = None

    def upstream_lost(self, connection: UpstreamConnection, kind: FailureKind) -> None:
        self.upstream_end([])

    def upstream_interim(self, head: ResponseHead) -> None: ...
    def upstream_head(self, connection: UpstreamConnection, head: ResponseHead) -> None: ...
    def upstream_flush(self) -> None: ...
    def upstream_data(self, payload: bytes, raw: bytes | None, last: bool) -> None: ...
    def upstream_full(self) -> None: ...
    def upstream_writable(self) -> None: ...
    def upstream_switched(self, connection: UpstreamConnection, head: ResponseHead, rest: bytes) -> None: ...
