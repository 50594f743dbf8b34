"""Workers whose control process died: they serve on until the next one takes them over, or they are ended here."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from modelyard.control.ext_proc.port_lock import PortLock, holder
from modelyard.worker import protocol

_REPORT_SECONDS = 1.5
"""How long workers have to report; they look for a control process every half second."""


class Ended(msgspec.Struct, frozen=True):
    """One worker that was ended."""

    pid: int
    of: str
    """Whose it was: ``workers`` of a yard, or ``epp-127.0.0.1-9002``."""


class Running(msgspec.Struct, frozen=True):
    """A control process that is alive."""

    pid: int
    """0: not known."""
    of: str


def running_beside(folder: Path) -> list[Running]:
    """Endpoint pickers and body-based routers that run with their sockets in ``folder``."""
    found = ((path, holder(path)) for path in sorted(folder.glob("*.lock")))
    return [Running(pid, path.stem) for path, pid in found if pid is not None]


async def end_left_behind(sockets: Iterable[Path], drain_seconds: float, longest: float) -> list[Ended]:
    """Drain and end the workers of every socket that a control process left when it died; after ``longest`` seconds
    those that are not at their end are left to it. The sockets are removed."""
    ended: list[Ended] = []
    for path in sockets:
        try:
            lock = PortLock(path.with_suffix(".lock"))
        except OSError:  # its control process lives
            continue
        try:
            ended += await _end_workers(path, drain_seconds, longest)
        finally:
            lock.remove()
    return ended


async def _end_workers(path: Path, drain_seconds: float, longest: float) -> list[Ended]:
    """As their control process for as long as it takes to tell them."""
    ended: dict[int, Ended] = {}
    open_links: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_links.add(task)
        with contextlib.suppress(ValueError, msgspec.DecodeError):
            hello = await protocol.read_from_worker(reader)
            if isinstance(hello, protocol.Hello):
                ended[hello.pid] = Ended(hello.pid, path.stem)
                writer.write(protocol.frame(protocol.Drain(seconds=drain_seconds)))
                while await protocol.read_from_worker(reader) is not None:
                    pass
        writer.close()

    _remove(path)
    server = await asyncio.start_unix_server(serve, str(path))
    os.chmod(path, 0o600)
    await asyncio.sleep(_REPORT_SECONDS)
    if open_links:
        await asyncio.wait(open_links, timeout=longest)
    server.close()
    _remove(path)
    return list(ended.values())


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
