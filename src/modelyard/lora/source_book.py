"""The wanted adapters' files: fetched once for all replicas, checked, kept up to date where somebody may edit them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from modelyard.lora.adapter import Fetch, Fetched, FetchError, SourceState, Stored
from modelyard.lora.store import AdapterStore, adapter_files, fingerprint, read_facts

log = logging.getLogger(__name__)

FIRST_RETRY, LAST_RETRY = 2.0, 120.0
"""Seconds between attempts after a failure; doubles."""


class _Entry:
    def __init__(self, name: str) -> None:
        self.name = name
        self.state = SourceState()
        self.task: asyncio.Task[None] | None = None
        self.fetched: Fetched | None = None
        self.seen = ""
        """Fingerprint of the files that ``state`` is about."""
        self.attempts = 0
        self.retry_at = 0.0


class SourceBook:
    """Fetches what is wanted. Used from one event loop."""

    def __init__(
        self,
        fetch: Fetch,
        store: AdapterStore | None,
        changed: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        """``store``: where copies go; None: adapters stay where ``fetch`` says they are (a shared folder), and are
        checked there where they can be read."""
        self._fetch, self._store, self._changed, self._clock = fetch, store, changed, clock
        self._entries: dict[str, _Entry] = {}

    def want(self, sources: Mapping[str, str]) -> None:
        """Have exactly these: source -> name of an adapter that comes from it (for the name of its folder)."""
        for source in self._entries.keys() - sources.keys():
            entry = self._entries.pop(source)
            if entry.task is not None:
                entry.task.cancel()
        for source, name in sources.items():
            if source not in self._entries:
                self._entries[source] = _Entry(name)
                self._start(source)

    def state(self, source: str) -> SourceState:
        """What is known; an unknown source is one that is about to be fetched."""
        entry = self._entries.get(source)
        return entry.state if entry is not None else SourceState()

    def is_fetching(self) -> bool:
        """Whether a version may be published at any moment."""
        return any(entry.task is not None for entry in self._entries.values())

    def paths(self) -> frozenset[str]:
        """Folders of the versions that sources stand for now."""
        states = (entry.state.stored for entry in self._entries.values())
        return frozenset(stored.path for stored in states if stored is not None)

    async def tick(self) -> None:
        """Try again what failed, and look whether files that may be edited were. Call it every second or so."""
        now = self._clock()
        for source, entry in list(self._entries.items()):
            if entry.task is not None:
                continue
            if entry.state.problem and now >= entry.retry_at:
                self._start(source)
            elif entry.fetched is not None and entry.fetched.mutable:
                found = await asyncio.to_thread(fingerprint, Path(entry.fetched.path))
                if found and found != entry.seen and entry.task is None:
                    self._start(source)

    async def close(self) -> None:
        """End all fetching."""
        tasks = [entry.task for entry in self._entries.values() if entry.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._entries.clear()

    def _start(self, source: str) -> None:
        entry = self._entries[source]
        entry.task = asyncio.create_task(self._run(source, entry), name=f"adapter {source}")

    async def _run(self, source: str, entry: _Entry) -> None:
        def say(progress: str) -> None:
            entry.state = msgspec.structs.replace(entry.state, progress=progress)
            self._changed()

        fetched = False
        try:
            entry.fetched = await self._fetch(source, say)
            fetched = True
            stored = await self._checked(entry)
            entry.state, entry.attempts = SourceState(stored=stored), 0
        except asyncio.CancelledError:
            raise
        except FetchError as problem:
            self._failed(entry, str(problem), invalid=fetched)
        except Exception as problem:
            log.exception("lora: fetching %s failed", source)
            self._failed(entry, repr(problem), invalid=fetched)
        finally:
            entry.task = None
            self._changed()

    async def _checked(self, entry: _Entry) -> Stored:
        """The version in its own folder. The fingerprint is taken before the copy: an edit during it is seen later."""
        assert entry.fetched is not None
        folder, revision = Path(entry.fetched.path), entry.fetched.revision
        entry.seen = await asyncio.to_thread(fingerprint, folder)
        if self._store is not None:
            stored = await asyncio.to_thread(self._store.put, entry.name, folder, revision)
            kept = "" if entry.fetched.mutable else entry.fetched.path
            return msgspec.structs.replace(stored, fetched_path=kept)
        return await asyncio.to_thread(_in_place, entry.fetched)

    def _failed(self, entry: _Entry, problem: str, *, invalid: bool) -> None:
        delay = min(FIRST_RETRY * 2**entry.attempts, LAST_RETRY)
        entry.attempts = min(entry.attempts + 1, 30)
        entry.retry_at = self._clock() + delay
        entry.state = SourceState(stored=entry.state.stored, problem=problem, invalid=invalid)


def _in_place(fetched: Fetched) -> Stored:
    """Without a store: checked where it can be read, otherwise left to the engine."""
    folder = Path(fetched.path)
    with contextlib.suppress(OSError):
        if folder.is_absolute() and folder.is_dir():
            adapter_files(folder)
            return Stored(path=fetched.path, digest="", facts=read_facts(folder), revision=fetched.revision)
    return Stored(path=fetched.path, digest="", facts=None, revision=fetched.revision)
