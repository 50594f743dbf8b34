"""Connections whose clients ask. The kernel spreads connections blindly over workers that share a port, and a proxy has
few: one worker may get several and another none. The control process then has the one let some go; they come anew."""

from __future__ import annotations

from typing import Protocol


class Connection(Protocol):
    """A client's connection."""

    @property
    def open_calls(self) -> int:
        """Calls whose answers are not complete."""
        ...

    @property
    def draining(self) -> bool:
        """Its client was asked to go elsewhere."""
        ...

    def drain(self) -> None:
        """Ask the client to go elsewhere; close when its calls have ended."""
        ...


_SECONDS = 0.9
"""At least, between two counts: workers are also asked to report in between, by whoever reads their metrics."""


class AskingConnections:
    """Those of one worker."""

    def __init__(self) -> None:
        self._began = float("-inf")
        self._heard: set[Connection] = set()
        self._counted: list[Connection] = []

    def ask(self, connection: Connection) -> None:
        """A call began."""
        self._heard.add(connection)

    def count(self, now: float) -> int:
        """How many asked during the last second or so, and may go on to."""
        if now - self._began >= _SECONDS:
            self._began = now
            self._counted = [connection for connection in self._heard if not connection.draining]
            self._heard.clear()
        return len(self._counted)

    def let_go(self, number: int) -> None:
        """Ask the clients of so many of those that were counted last to connect anew: where least is open first, since
        open calls stay where they are. One stays in any case."""
        self._counted.sort(key=lambda connection: connection.open_calls)
        for connection in self._counted[: min(number, len(self._counted) - 1)]:
            connection.drain()
        self._counted = []
