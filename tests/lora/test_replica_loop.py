from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import cast

from modelyard.lora.adapter import Known, ReplicaView, Routes, SourceState, Stored
from modelyard.lora.engine_adapters import AdapterCallError, EngineAdapters
from modelyard.lora.lora_config import Wanted
from modelyard.lora.plan import Held, Listing
from modelyard.lora.reconciler import at_once
from modelyard.lora.replica_loop import LoopSettings, ReplicaLoop
from modelyard.lora.source_book import SourceBook


class Book:
    """Every source is here: a folder of its own name."""

    def state(self, source: str) -> SourceState:
        return SourceState(stored=Stored(path=source, digest=source[1:] * 8, facts=None))


class Engine:
    """Refuses the files in ``/bad``; loads others when it is told to."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}
        self.loading, self.may_load = asyncio.Event(), asyncio.Event()

    async def listing(self) -> Listing:
        adapters = tuple(Held(engine_name=name, path=path) for name, path in self.held.items())
        return Listing(base_models=("m",), adapters=adapters)

    async def load(self, engine_name: str, path: str) -> None:
        if path == "/bad":
            raise AdapterCallError("it is damaged")
        self.loading.set()
        await self.may_load.wait()
        self.held[engine_name] = path


def view(source: str) -> ReplicaView:
    return ReplicaView(key="default/m-0", url="http://127.0.0.1:1", want=(Wanted(name="a", source=source),))


def replica_loop(
    engine: Engine, source: str, *, routes: Routes, changed: Callable[[], None], known: Known = at_once
) -> ReplicaLoop:
    return ReplicaLoop(
        view(source),
        book=cast("SourceBook", Book()),
        api=lambda view: cast("EngineAdapters", engine),
        routes=routes,
        known=known,
        usage=lambda view: (frozenset(), frozenset()),
        settings=LoopSettings(),
        changed=changed,
        clock=asyncio.get_running_loop().time,
    )


def test_it_is_not_said_to_be_loaded_before_everyone_who_routes_knows() -> None:
    told: list[Mapping[str, str]] = []
    asked, everyone_knows = asyncio.Event(), asyncio.Event()

    def routes(view: ReplicaView, names: Mapping[str, str], expected: frozenset[str]) -> bool:
        told.append(names)
        return True

    async def known() -> None:
        if told[-1]:
            asked.set()
            await everyone_knows.wait()

    async def scenario() -> None:
        engine, changed = Engine(), asyncio.Event()
        engine.may_load.set()
        loop = replica_loop(engine, "/good", routes=routes, changed=changed.set, known=known)
        async with asyncio.timeout(10):
            await asked.wait()
            assert not any(status.loaded for status in loop.statuses())
            everyone_knows.set()
            while not all(status.loaded for status in loop.statuses()):
                changed.clear()
                await changed.wait()
        await loop.close()

    asyncio.run(scenario())


def test_a_version_that_was_refused_does_not_keep_requests_from_waiting_for_the_next_one() -> None:
    told: list[tuple[dict[str, str], frozenset[str]]] = []
    changed = asyncio.Event()

    def routes(view: ReplicaView, names: Mapping[str, str], expected: frozenset[str]) -> bool:
        told.append((dict(names), expected))
        changed.set()
        return True

    async def scenario() -> None:
        engine = Engine()
        loop = replica_loop(engine, "/bad", routes=routes, changed=changed.set)
        async with asyncio.timeout(10):
            while not any(status.message == "it is damaged" for status in loop.statuses()):
                changed.clear()
                await changed.wait()
            assert told[-1] == ({}, frozenset())
            loop.update(view("/good"))
            await engine.loading.wait()
            assert told[-1] == ({}, frozenset({"a"}))
            engine.may_load.set()
            while told[-1] != ({"a": "a"}, frozenset()):
                changed.clear()
                await changed.wait()
        await loop.close()

    asyncio.run(scenario())
