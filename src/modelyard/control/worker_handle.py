"""One data-plane worker as the control process sees it: a child of its own, or one that a predecessor left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

from modelyard.fleet.fleet import Fleet
from modelyard.worker import protocol

MOST_UNREAD = 16 * 1024 * 1024
"""Bytes that may wait for a worker that does not read; above it fleets wait until it does."""


class Worker:
    """Number, process, connection, and what was told and heard last."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: asyncio.subprocess.Process | None = None
        """None: not started yet, or inherited."""
        self.inherited_pid = 0
        """Process id of a worker that a control process left which died; 0: it is our own."""
        self.holds_fleet = False
        """It serves on with the fleet that it has: ours is not checked yet."""
        self.writer: asyncio.StreamWriter | None = None
        self.generation = 0
        """Of the snapshot in force; 0: none yet."""
        self.faults: tuple[protocol.BindingFault, ...] = ()
        self.heard_at = 0.0
        """Monotonic time of its last message."""
        self.restarts = 0
        self.fleet = Fleet()
        """What was sent last."""
        self.stats = protocol.Stats(worker=number)
        self.left = asyncio.Event()
        """Set when its connection is gone."""

    @property
    def connected(self) -> bool:
        return self.writer is not None

    @property
    def behind(self) -> bool:
        """It does not read what it is sent: it is stopped, or its loop hangs."""
        return self.writer is not None and self.writer.transport.get_write_buffer_size() > MOST_UNREAD

    def send(self, message: protocol.Message) -> None:
        """Queue a message; nothing happens where the worker is away (it gets all on connecting)."""
        if self.writer is not None:
            self.writer.write(protocol.frame(message))

    def join(self, writer: asyncio.StreamWriter) -> None:
        """Its connection stands; nothing was sent over it yet."""
        self.writer = writer
        self.fleet = Fleet()
        self.left.clear()

    def leave(self) -> None:
        """Its connection is gone."""
        self.writer = None
        self.stats = protocol.Stats(worker=self.number)
        self.left.set()

    def may_be(self, hello: protocol.Hello) -> bool:
        """Whether a process that says ``hello`` is the child that was started for this worker."""
        return self.process is not None and self.process.pid == hello.pid

    async def inherited_end(self) -> None:
        """Return when the inherited process has left; from then on this worker is our own."""
        await self.left.wait()
        self.inherited_pid, self.holds_fleet, self.generation = 0, False, 0

    def kill(self) -> None:
        """End it at once; open requests are cut."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
        elif self.inherited_pid and self.connected:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.inherited_pid, signal.SIGKILL)
