"""Blocking work that nobody has to wait for at the end of the process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def in_daemon_thread(work: Callable[[], Result], name: str) -> asyncio.Future[Result]:
    """Run ``work`` in a thread of its own, which ends with the process.

    Unlike ``asyncio.to_thread``, whose threads the interpreter joins at its end: a look-up or a read that hangs would
    keep a stopped yard alive for minutes. Only for work that may be killed at any point.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as problem:
            error = problem
        if not loop.is_closed():
            try:
                loop.call_soon_threadsafe(settle, result, error)
            except RuntimeError:
                return  # the loop was closed meanwhile: nobody waits

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
