"""Keeps the adapters of all replicas as they should be: one loop per replica, sources fetched once for all."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import aiohttp

from modelyard.lora.adapter import Fetch, Known, ReplicaView, Routes, Usage
from modelyard.lora.adapter_shelf import AdapterShelf
from modelyard.lora.condition import AdapterStatus
from modelyard.lora.disused_versions import DisusedVersions
from modelyard.lora.engine_adapters import EngineAdapters
from modelyard.lora.engine_calls import EngineCalls
from modelyard.lora.ray_adapters import RayAdapters
from modelyard.lora.replica_loop import LoopSettings, ReplicaLoop
from modelyard.lora.source_book import SourceBook
from modelyard.lora.store import AdapterStore
from modelyard.lora.vllm_adapters import VllmAdapters

log = logging.getLogger(__name__)

TICK = 1.0
"""Seconds between looks at sources that may be edited, or failed."""


async def at_once() -> None:
    """Nobody is told anything, so there is nothing to wait for."""


class Reconciler:
    """Made and used inside one running event loop. Nothing here raises for what an engine or a source does."""

    def __init__(
        self,
        fetch: Fetch,
        *,
        store: AdapterStore | None,
        bucket: Path | None = None,
        beside: bool = True,
        sweep: bool = False,
        period: float = 5.0,
        routes: Routes = lambda view, names, expected: True,
        known: Known = at_once,
        usage: Usage = lambda view: (frozenset(), frozenset()),
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``bucket``: folder of the loopback bucket, where Ray reads adapters; None: no view is one of Ray.
        ``beside``: somebody follows ``routes``, so a new version may have an engine name of its own. ``sweep``: nobody
        else uses the store, so versions that no replica has loaded any more may be deleted."""
        self._routes, self._known, self._usage = routes, known, usage
        self._on_change, self._clock = on_change, clock
        self._settings = LoopSettings(beside=beside, folder=str(store.root) if store else "", period=period)
        self._book = SourceBook(fetch, store, self._sources_changed, clock)
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None), connector=aiohttp.TCPConnector(limit=0), trust_env=False
        )
        self._bucket = bucket
        self._disused = DisusedVersions(store.root, clock) if store is not None and sweep else None
        self._closed = False
        self._shelves: dict[tuple[str, str], AdapterShelf] = {}
        self._loops: dict[str, ReplicaLoop] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._ticker = asyncio.create_task(self._tick(), name="adapter sources")

    def set_replicas(self, views: Iterable[ReplicaView]) -> None:
        """Look after exactly these from now on, with these wishes. Nothing after ``close``."""
        if self._closed:
            return
        wanted = {view.key: view for view in views}
        sources = {one.source: one.name for view in wanted.values() for one in view.want}
        self._book.want(sources)
        for key in self._loops.keys() - wanted.keys():
            task = asyncio.create_task(self._loops.pop(key).close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        for key, view in wanted.items():
            if key in self._loops:
                self._loops[key].update(view)
            else:
                self._loops[key] = ReplicaLoop(
                    view,
                    book=self._book,
                    api=self._api,
                    routes=self._routes,
                    known=self._known,
                    usage=self._usage,
                    settings=self._settings,
                    changed=self._on_change,
                    clock=self._clock,
                )

    def wake(self, key: str = "") -> None:
        """Look at one replica (or at all) now."""
        for name, loop in self._loops.items():
            if not key or key == name:
                loop.wake()

    def statuses(self) -> tuple[AdapterStatus, ...]:
        """How every adapter stands on every replica."""
        return tuple(status for _, loop in sorted(self._loops.items()) for status in loop.statuses())

    async def close(self) -> None:
        """Stop; what is loaded stays loaded."""
        self._closed = True
        self._ticker.cancel()
        loops, self._loops = list(self._loops.values()), {}
        await asyncio.gather(self._ticker, *(loop.close() for loop in loops), *self._closing, return_exceptions=True)
        await self._book.close()
        await self._session.close()

    def _api(self, view: ReplicaView) -> EngineAdapters:
        calls = EngineCalls(self._session, view.url, view.api_key)
        if view.ray is None or self._bucket is None:
            return VllmAdapters(calls)
        key = (view.ray.prefix, view.ray.model_id)
        if key not in self._shelves:
            self._shelves[key] = AdapterShelf(self._bucket, *key)
        return RayAdapters(calls, self._shelves[key], view.ray.model_id, view.key)

    async def _clear_shelves(self) -> None:
        """Take off what only clusters held that are gone."""
        holders = frozenset(self._loops)
        for shelf in self._shelves.values():
            await asyncio.to_thread(shelf.keep_holders, holders)

    async def _clear_store(self) -> None:
        """Nothing is published, and no load begins, between the look at what is in use and the move out of the way."""
        if self._disused is None or self._book.is_fetching():
            return
        in_use = self._book.paths().union(*(loop.paths_in_use() for loop in self._loops.values()))
        for folder in self._disused.take_away(in_use):
            log.info("lora: deleted %s, which no engine has loaded any more", *(one.name for one in folder.iterdir()))
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _sources_changed(self) -> None:
        self.wake()
        self._on_change()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            try:
                await self._book.tick()
                await self._clear_shelves()
                await self._clear_store()
            except Exception:
                log.exception("lora: looking at the sources failed; the next look is soon")


def gauge(statuses: Iterable[AdapterStatus], absent: Iterable[str] = ()) -> Mapping[str, int]:
    """``lora_syncer_adapter_status``: adapter -> 1 where it is loaded on every replica that should have it, else 0.
    ``absent``: those that are to be unloaded (``ensureNotExist``); 0, as in the original syncer."""
    found = dict.fromkeys(absent, 0)
    for status in statuses:
        found[status.adapter] = min(found.get(status.adapter, 1), int(status.loaded))
    return found
