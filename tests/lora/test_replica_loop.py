from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

from modelyard.lora.adapter import ReplicaView, SourceState, Stored
from modelyard.lora.engine_adapters import AdapterCallError, EngineAdapters
from modelyard.lora.lora_config import Wanted
from modelyard.lora.plan import Held, Listing
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


def test_a_version_that_was_refused_does_not_keep_requests_from_waiting_for_the_next_one() -> None:
    told: list[tuple[dict[str, str], frozenset[str]]] = []
    changed = asyncio.Event()

    def routes(view: ReplicaView, names: Mapping[str, str], expected: frozenset[str]) -> bool:
        told.append((dict(names), expected))
        changed.set()
        return True

    async def scenario() -> None:
        engine = Engine()
        loop = ReplicaLoop(
            view("/bad"),
            book=cast("SourceBook", Book()),
            api=lambda view: cast("EngineAdapters", engine),
            routes=routes,
            usage=lambda view: (frozenset(), frozenset()),
            settings=LoopSettings(),
            changed=changed.set,
            clock=asyncio.get_running_loop().time,
        )
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
