"""Follows manifest files and folders: a new ReadResult after every change that matters."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable
from pathlib import Path

import watchfiles

from modelyard.manifests.reading import ReadResult, read_manifests
from modelyard.manifests.watch_plan import WatchPlan, plan_watch
from modelyard.resources.loading import LoadResult

QUIET_MS = 100
"""A change is read when nothing further happened for this long: editors write in several steps."""
LONGEST_MS = 400
"""A folder that never comes to rest is read this often, so that a change takes effect within a second."""
POLL_MS = 400
"""Period of looking at the folders where the system gives no change events (its watches are used up)."""
RETRY_S = 0.1
"""Wait before watching again when a folder vanished while the watch was being set up."""


async def watch_manifests(
    paths: Iterable[str | Path],
    on_change: Callable[[ReadResult], None],
    *,
    last: ReadResult | None = None,
    extra: LoadResult | None = None,
) -> None:
    """Calls ``on_change`` with each reading that differs from the one before it. Runs until it is cancelled.

    ``last`` is the reading that the caller has; without it the first reading is reported too. ``extra``
    is as in ``read_manifests``. Files are read in a thread: a large set does not hold up the event loop.
    """
    given = [str(path) for path in paths]
    while True:
        plan = await asyncio.to_thread(plan_watch, given)
        async with contextlib.aclosing(_changes(plan)) as changes:
            async for _ in changes:
                result = await asyncio.to_thread(read_manifests, given, extra)
                if result != last:
                    last = result
                    on_change(result)
                if await asyncio.to_thread(plan_watch, given) != plan:
                    break
            else:
                await asyncio.sleep(RETRY_S)


async def _changes(plan: WatchPlan) -> AsyncGenerator[None, None]:
    """Yields once when the watch is in place, then after each change; ends when a folder was gone already."""
    try:
        async with contextlib.aclosing(_watch(plan, polling=False)) as changes:
            async for _ in changes:
                yield
    except FileNotFoundError:
        return
    except OSError:
        async with contextlib.aclosing(_watch(plan, polling=True)) as changes:
            async for _ in changes:
                yield


async def _watch(plan: WatchPlan, *, polling: bool) -> AsyncGenerator[None, None]:
    source = watchfiles.awatch(
        *plan.paths,
        watch_filter=lambda _, path: plan.concerns(path),
        debounce=LONGEST_MS,
        step=QUIET_MS,
        recursive=False,
        force_polling=polling or None,
        poll_delay_ms=POLL_MS,
        ignore_permission_denied=True,
    )
    async with contextlib.aclosing(source) as events:
        pending = asyncio.ensure_future(anext(events))
        try:
            # The watch is registered in the first step of the generator: what happens from here on is seen.
            await asyncio.sleep(0)
            if not pending.done():
                yield
            while True:
                await pending
                yield
                pending = asyncio.ensure_future(anext(events))
        finally:
            pending.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration, OSError):
                await pending
