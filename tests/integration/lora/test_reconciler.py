"""The reconciler against simulated engines: real sockets, real files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from adapter_files import write_adapter

from modelyard.lora.adapter import Fetched, FetchError, ReplicaView
from modelyard.lora.condition import AdapterStatus, Reason
from modelyard.lora.engine_limits import EngineLimits
from modelyard.lora.lora_config import Wanted
from modelyard.lora.reconciler import Reconciler, gauge
from modelyard.lora.slots import SlotPolicy
from modelyard.lora.store import AdapterStore
from modelyard.sim.server import SimHandle, running_sim
from modelyard.sim.settings import INSTANT, SimSettings

pytestmark = pytest.mark.integration
Until = Callable[..., Any]
SETTINGS = msgspec.structs.replace(SimSettings(model="m", enable_lora=True, max_loras=4, max_cpu_loras=8), **INSTANT)


async def from_paths(source: str, say: Callable[[str], None]) -> Fetched:
    """Sources are folders, which may be edited."""
    if not await asyncio.to_thread(Path(source).is_dir):
        raise FetchError(f"{source} does not exist")
    return Fetched(path=source, mutable=True)


class Bench:
    """A reconciler, its engines, and what it said."""

    def __init__(self, root: Path, *, sweep: bool = False) -> None:
        self.root = root
        self.routes: dict[str, tuple[dict[str, str], frozenset[str]]] = {}
        self.history: list[tuple[str, dict[str, str]]] = []
        self.awaited: list[tuple[str, frozenset[str]]] = []
        self.busy: frozenset[str] = frozenset()
        self.asked: frozenset[str] = frozenset()
        self.reconciler = Reconciler(
            from_paths,
            store=AdapterStore(root / "store"),
            sweep=sweep,
            period=0.2,
            routes=self._route,
            usage=lambda view: (self.busy, self.asked),
        )

    def _route(self, view: ReplicaView, names: Mapping[str, str], expected: frozenset[str]) -> bool:
        self.routes[view.key] = (dict(names), expected)
        self.history.append((view.key, dict(names)))
        self.awaited.append((view.key, expected))
        return True

    def view(self, sim: SimHandle, *names: str, key: str = "default/m-0", **more: Any) -> ReplicaView:
        """Wants adapters from the folders of their names; ``name=folder`` names another."""
        pairs = [(name.partition("=")[0], name.partition("=")[2] or name) for name in names]
        want = tuple(Wanted(name=name, source=str(self.root / folder)) for name, folder in pairs)
        return ReplicaView(key=key, url=sim.url, want=want, **more)

    def status(self, adapter: str, replica: str = "default/m-0") -> AdapterStatus | None:
        found = [one for one in self.reconciler.statuses() if (one.adapter, one.replica) == (adapter, replica)]
        return found[0] if found else None

    def is_loaded(self, adapter: str, replica: str = "default/m-0") -> bool:
        status = self.status(adapter, replica)
        return status is not None and status.loaded

    def has_reason(self, adapter: str, reason: Reason) -> bool:
        status = self.status(adapter)
        return status is not None and status.reason is reason


@asynccontextmanager
async def bench(root: Path, *, sweep: bool = False) -> AsyncIterator[Bench]:
    made = Bench(root, sweep=sweep)
    try:
        async with asyncio.timeout(60):
            yield made
    finally:
        await made.reconciler.close()


async def adapters(sim: SimHandle) -> dict[str, str]:
    """Engine name -> path."""
    async with aiohttp.ClientSession() as session, session.get(f"{sim.url}/v1/models") as answer:
        return {card["id"]: card["root"] for card in (await answer.json())["data"] if card["parent"]}


def test_adapters_are_added_replaced_and_removed_on_all_replicas(tmp_path: Path, until: Until) -> None:
    write_adapter(tmp_path / "food")
    write_adapter(tmp_path / "sql", fill=b"\1")

    async def scenario() -> None:
        async with running_sim(SETTINGS) as one, running_sim(SETTINGS) as two, bench(tmp_path) as it:
            keys = {"default/m-0": one, "default/m-1": two}

            def want(*names: str) -> None:
                it.reconciler.set_replicas([it.view(sim, *names, key=key) for key, sim in keys.items()])

            want("food")
            await until(lambda: all(it.is_loaded("food", key) for key in keys), "loaded")
            assert it.routes == {key: ({"food": "food"}, frozenset()) for key in keys}
            assert gauge(it.reconciler.statuses()) == {"food": 1}

            it.busy = frozenset({"food"})
            want("food=sql", "sql")
            await until(lambda: all(it.is_loaded("food", key) and it.is_loaded("sql", key) for key in keys), "replaced")
            status = it.status("food")
            assert status is not None
            engine_name = f"food@{status.digest[:8]}"
            assert it.routes["default/m-0"][0] == {"food": engine_name, "sql": "sql"}
            assert set(await adapters(one)) == {"food", engine_name, "sql"}
            it.busy = frozenset()
            names: dict[str, str] = {}
            while set(names) != {engine_name, "sql"}:
                names = await adapters(one)
            assert names[engine_name] == names["sql"].replace("/sql@", "/food@") or names[engine_name] != ""

            want()
            await until(lambda: not it.reconciler.statuses(), "removed")
            assert (await adapters(one), await adapters(two)) == ({}, {})

    asyncio.run(scenario())


def test_a_new_process_gets_its_adapters_before_it_is_routed_to(tmp_path: Path, until: Until) -> None:
    write_adapter(tmp_path / "food")

    async def scenario() -> None:
        async with bench(tmp_path) as it:
            async with running_sim(SETTINGS) as first:
                port = first.port
                it.reconciler.set_replicas([it.view(first, "food", incarnation="1")])
                await until(lambda: it.is_loaded("food"), "loaded")
            await until(lambda: it.has_reason("food", Reason.ENGINE_UNREACHABLE), "seen gone")
            it.history.clear()
            it.awaited.clear()
            async with running_sim(SETTINGS, port=port) as second:
                it.reconciler.set_replicas([it.view(second, "food", incarnation="2")])
                await until(lambda: it.is_loaded("food"), "loaded again")
                assert ("default/m-0", frozenset({"food"})) in it.awaited
                assert set(await adapters(second)) == {"food"}
                assert it.history[0][1] == {}

    asyncio.run(scenario())


def test_what_cannot_be_loaded_says_why_and_holds_up_nothing_else(tmp_path: Path, until: Until) -> None:
    write_adapter(tmp_path / "food")
    write_adapter(tmp_path / "wide", rank=32)
    (tmp_path / "empty").mkdir()

    async def scenario() -> None:
        async with running_sim(SETTINGS) as sim, bench(tmp_path) as it:
            names = ("none", "empty", "wide", "m=food", "food")
            it.reconciler.set_replicas([it.view(sim, *names, limits=EngineLimits(max_rank=16))])
            await until(lambda: it.is_loaded("food"), "the good one")
            await until(lambda: it.has_reason("none", Reason.SOURCE_UNAVAILABLE), "no source")
            await until(lambda: it.has_reason("empty", Reason.INVALID_ADAPTER), "no adapter")
            await until(lambda: it.has_reason("wide", Reason.RANK_TOO_HIGH), "rank")
            await until(lambda: it.has_reason("m", Reason.NAME_TAKEN), "the base model's name")
            wide = it.status("wide")
            assert wide is not None
            assert "--max-lora-rank=32" in wide.message
            assert set(await adapters(sim)) == {"food"}
            assert it.routes["default/m-0"] == ({"food": "food"}, frozenset())
            assert gauge(it.reconciler.statuses()) == {"none": 0, "empty": 0, "wide": 0, "m": 0, "food": 1}

    asyncio.run(scenario())


def test_a_source_that_comes_later_and_is_edited_in_place(
    tmp_path: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelyard.lora.source_book.FIRST_RETRY", 0.1)
    monkeypatch.setattr("modelyard.lora.reconciler.TICK", 0.1)

    async def scenario() -> None:
        async with running_sim(SETTINGS) as sim, bench(tmp_path) as it:
            it.reconciler.set_replicas([it.view(sim, "food")])
            await until(lambda: it.has_reason("food", Reason.SOURCE_UNAVAILABLE), "nothing there")
            write_adapter(tmp_path / "food")
            await until(lambda: it.is_loaded("food"), "there")
            first = it.status("food")
            write_adapter(tmp_path / "food", fill=b"\5")
            await until(lambda: it.is_loaded("food") and it.status("food").digest != first.digest, "edited")  # type: ignore[union-attr]
            (tmp_path / "food" / "adapter_config.json").write_text("{")
            await until(lambda: it.has_reason("food", Reason.INVALID_ADAPTER), "broken")
            status = it.status("food")
            assert status is not None
            assert status.engine_name
            assert "goes on serving" in status.message

    asyncio.run(scenario())


def test_an_engine_that_refuses_is_asked_again(tmp_path: Path, until: Until) -> None:
    write_adapter(tmp_path / "food")

    async def scenario() -> None:
        async with bench(tmp_path) as it:
            stored = AdapterStore(tmp_path / "store").put("food", tmp_path / "food")
            refusing = msgspec.structs.replace(SETTINGS, missing_lora_paths=frozenset({stored.path}))
            async with running_sim(refusing) as sim:
                it.reconciler.set_replicas([it.view(sim, "food", incarnation="1")])
                await until(lambda: it.has_reason("food", Reason.ENGINE_REFUSED), "refused")
                status = it.status("food")
                assert status is not None
                assert "No adapter found" in status.message
                assert it.routes["default/m-0"] == ({}, frozenset())
            async with running_sim(SETTINGS) as sim:
                it.reconciler.set_replicas([it.view(sim, "food", incarnation="2")])
                await until(lambda: it.is_loaded("food"), "loaded")

    asyncio.run(scenario())


def test_slots_are_kept_to_and_what_is_asked_for_comes_back(tmp_path: Path, until: Until) -> None:
    for name in ("a", "b"):
        write_adapter(tmp_path / name, fill=name.encode())
    limits = EngineLimits(max_cpu_loras=1)

    async def scenario() -> None:
        async with running_sim(SETTINGS) as sim, bench(tmp_path) as it:
            it.reconciler.set_replicas([it.view(sim, "a", "b", limits=limits, policy=SlotPolicy.STRICT)])
            await until(lambda: it.is_loaded("a") and it.has_reason("b", Reason.NO_FREE_SLOT), "one of two")
            status = it.status("b")
            assert status is not None
            assert "--max-cpu-loras of at least 2" in status.message

            it.reconciler.set_replicas([it.view(sim, "a", "b", limits=limits, policy=SlotPolicy.EVICT)])
            await until(lambda: it.has_reason("b", Reason.EVICTED), "evicted")
            await until(lambda: it.routes["default/m-0"] == ({"a": "a"}, frozenset({"b"})), "requests for it may wait")
            it.asked = frozenset({"b"})
            await until(lambda: it.is_loaded("b") and it.has_reason("a", Reason.EVICTED), "it is asked for")
            assert set(await adapters(sim)) == {"b"}

            it.asked = frozenset()
            it.reconciler.set_replicas([it.view(sim, "a", "b", limits=limits)])
            await until(lambda: it.has_reason("a", Reason.SWAPPING) and it.has_reason("b", Reason.SWAPPING), "both")

    asyncio.run(scenario())


def test_an_engine_without_the_calls_is_told_what_it_lacks(tmp_path: Path, until: Until) -> None:
    write_adapter(tmp_path / "food")
    settings = msgspec.structs.replace(SETTINGS, runtime_lora=False)

    async def scenario() -> None:
        async with running_sim(settings) as sim, bench(tmp_path) as it:
            it.reconciler.set_replicas([it.view(sim, "food", limits=EngineLimits(runtime_updating=False))])
            await until(lambda: it.has_reason("food", Reason.LORA_NOT_ENABLED), "known from its environment")
            it.reconciler.set_replicas([it.view(sim, "food")])
            await until(lambda: it.has_reason("food", Reason.ENGINE_REFUSED), "found out by asking")
            status = it.status("food")
            assert status is not None
            assert "VLLM_ALLOW_RUNTIME_LORA_UPDATING=true" in status.message

    asyncio.run(scenario())


def test_a_version_is_on_disk_for_as_long_as_a_replica_has_it_loaded(
    tmp_path: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelyard.lora.disused_versions.LINGER", 0.1)
    monkeypatch.setattr("modelyard.lora.reconciler.TICK", 0.05)
    write_adapter(tmp_path / "food")
    write_adapter(tmp_path / "sql", fill=b"\1")

    def stored() -> set[Path]:
        return {place for place in (tmp_path / "store").glob("*@*") if not place.name.startswith(".")}

    async def scenario() -> None:
        async with running_sim(SETTINGS) as sim, bench(tmp_path, sweep=True) as it:
            it.reconciler.set_replicas([it.view(sim, "food")])
            await until(lambda: it.is_loaded("food"), "loaded")
            (first,) = stored()
            it.busy = frozenset({"food"})
            it.reconciler.set_replicas([it.view(sim, "food=sql")])
            await until(lambda: it.routes["default/m-0"][0].get("food") not in (None, "food"), "replaced")
            (second,) = stored() - {first}
            (unused := tmp_path / "store" / "unused@0").mkdir()
            await until(lambda: not unused.exists(), "what nobody uses is gone")
            assert set((await adapters(sim)).values()) == {str(first), str(second)}
            assert stored() == {first, second}, "requests may still run with the version before"
            it.busy = frozenset()
            await until(lambda: stored() == {second}, "the version before is gone")
            assert set((await adapters(sim)).values()) == {str(second)}
            it.reconciler.set_replicas([it.view(sim, "food")])
            await until(lambda: stored() == {first}, "and back again")
            assert it.is_loaded("food")
            it.reconciler.set_replicas([it.view(sim)])
            await until(lambda: not stored(), "nobody wants any")
            await until(lambda: not list((tmp_path / "store").glob(".gone-*")), "deleted")

    asyncio.run(scenario())


def test_a_store_that_others_may_use_is_left_alone(
    tmp_path: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelyard.lora.disused_versions.LINGER", 0.0)
    write_adapter(tmp_path / "food")

    async def scenario() -> None:
        async with running_sim(SETTINGS) as sim, bench(tmp_path) as it:
            it.reconciler.set_replicas([it.view(sim, "food")])
            await until(lambda: it.is_loaded("food"), "loaded")
            it.reconciler.set_replicas([it.view(sim)])
            await until(lambda: not it.reconciler.statuses(), "unloaded")
            for _ in range(3):
                await it.reconciler._clear_store()
            assert len(list((tmp_path / "store").glob("food@*"))) == 1

    asyncio.run(scenario())
