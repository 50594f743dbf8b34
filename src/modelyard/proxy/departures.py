"""Clients that leave while nothing is read from them.

The event loop tells of a closed connection only where it reads. A client that sent more than is kept of it is not read
until its answer ended, so without this its request would go on for nobody.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Hashable
from typing import Protocol

_GONE = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR | select.POLLNVAL
"""POLLRDHUP is Linux's; elsewhere POLLHUP says that the peer closed."""


class Unread(Hashable, Protocol):
    """A connection whose reading is paused."""

    transport: asyncio.Transport


class Departures:
    """The connections that are not being read, each of which is asked once a second whether its peer is there."""

    __slots__ = ("_unread",)

    def __init__(self) -> None:
        self._unread: set[Unread] = set()

    def watch(self, connection: Unread) -> None:
        self._unread.add(connection)

    def forget(self, connection: Unread) -> None:
        self._unread.discard(connection)

    def look(self, now: float) -> None:
        """End the connections whose peers left; called once a second."""
        for connection in [item for item in self._unread if has_left(item.transport)]:
            self._unread.discard(connection)
            connection.transport.abort()


def has_left(transport: asyncio.Transport) -> bool:
    """Whether the peer closed or reset the connection, whatever is still to be read from it."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        return False
    poll = select.poll()
    poll.register(sock.fileno(), _GONE)
    return bool(poll.poll(0))
