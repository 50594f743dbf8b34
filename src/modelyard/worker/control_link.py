"""A worker's connection to its control process: kept, and made again when it is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec

from modelyard.worker import protocol

log = logging.getLogger(__name__)

_PAUSE = 0.5
"""Seconds between attempts to reach a control process that is away."""
_MAX_UNSENT = 16 * 1024 * 1024
"""Bytes that may wait for a control process that does not read; above it reports are dropped."""


class ControlLink:
    """Sends reports and hands in orders. Reports made while the control process is away are lost."""

    def __init__(
        self,
        path: str,
        hello: protocol.Hello,
        on_message: Callable[[protocol.ToWorker], Awaitable[None]],
    ) -> None:
        """``on_message`` is awaited for one message after the other; ``ValueError`` from it asks for a new start."""
        self._path = path
        self._hello = hello
        self._on_message = on_message
        self._writer: asyncio.StreamWriter | None = None
        self.lost_at: float | None = asyncio.get_running_loop().time()
        """Loop time since when the control process is away; None: it is there."""

    def send(self, message: protocol.Message) -> None:
        writer = self._writer
        if writer is not None and writer.transport.get_write_buffer_size() < _MAX_UNSENT:
            writer.write(protocol.frame(message))

    async def run(self) -> None:
        """Connect, read and connect again, for ever."""
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(self._path)
            except OSError:
                await asyncio.sleep(_PAUSE)
                continue
            await self._serve(reader, writer)
            await asyncio.sleep(_PAUSE)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.lost_at = None
        self.send(self._hello)
        try:
            while (message := await protocol.read_to_worker(reader)) is not None:
                await self._on_message(message)
        except (ValueError, msgspec.DecodeError) as fault:
            log.error("out of step with the control process (%s); starting over", fault)
        except Exception:
            log.exception("an order of the control process failed; the last snapshot keeps serving")
        finally:
            self._writer = None
            self.lost_at = asyncio.get_running_loop().time()
            writer.close()
