"""Adapters on simulated engines that are loaded, replaced and lost under load."""

from __future__ import annotations

import asyncio
import json

import pytest

from modelyard.fleet.adapter_names import served_names
from modelyard.sim.server import SimHandle

from .conftest import Pool, Said, pool, run

pytestmark = pytest.mark.integration

ADAPTER = "food-review"
NO_ADAPTERS: frozenset[str] = frozenset()
WANTED = frozenset({ADAPTER})


def version(number: int) -> str:
    return f"{ADAPTER}@{number:08x}"


def check(said: Said, *weights: str) -> None:
    assert said.status == 200, said
    assert said.whole
    assert said.models == {ADAPTER}
    assert said.weights in weights, said


def test_requests_wait_until_the_adapter_is_loaded() -> None:
    async def scenario() -> None:
        async with pool() as yard:
            first, second = [await yard.start(enable_lora=True) for _ in range(2)]
            yard.watch()
            await yard.ready()
            assert (await yard.ask(ADAPTER)).status == 404
            assert yard.scraper.set_adapters(first.address, {}, WANTED)
            asked = [asyncio.ensure_future(yard.ask(ADAPTER, stream=bool(i % 2))) for i in range(10)]
            leaving = asyncio.ensure_future(yard.ask(ADAPTER))
            await yard.until(lambda: yard.waiting() == 11)
            assert (await yard.ask("base")).weights == ""
            leaving.cancel()
            await yard.until(lambda: yard.waiting() == 10)
            await yard.load(first, ADAPTER, "/w/1")
            yard.scraper.set_adapters(first.address, {ADAPTER: ADAPTER}, NO_ADAPTERS)
            for said in await asyncio.gather(*asked):
                check(said, "/w/1")
            assert await yard.listed() == {"base": None, ADAPTER: "base"}
            waited = [record for record in yard.records if record.load_wait]
            assert sorted(record.status for record in waited) == [0, *[200] * 10]
            assert {record.endpoint for record in waited if record.status} == {first.address}
            assert second.simulator.engine.adapters.paths == {}
            yard.assert_idle()

    run(scenario())


def test_someone_else_loads_it_and_says_nothing() -> None:
    async def scenario() -> None:
        async with pool() as yard:
            sim = await yard.start(enable_lora=True)
            yard.watch()
            await yard.ready()
            yard.scraper.set_adapters(sim.address, {}, WANTED)
            asked = asyncio.ensure_future(yard.ask(ADAPTER))
            await yard.until(lambda: yard.waiting() == 1)
            await yard.load(sim, ADAPTER, "/w/1")
            check(await asked, "/w/1")

    run(scenario())


def test_nobody_loads_it() -> None:
    async def scenario() -> None:
        async with pool(adapter_wait=0.3) as yard:
            sim = await yard.start(enable_lora=True)
            yard.watch()
            await yard.ready()
            yard.scraper.set_adapters(sim.address, {}, WANTED)
            said = await yard.ask(ADAPTER)
            assert (said.status, json.loads(said.text)["error"]["code"]) == (503, "model_not_loaded")
            yard.assert_idle()

    run(scenario())


def test_traffic_moves_from_version_to_version() -> None:
    """Each answer, streamed, is whole, carries the client's name, and is from a version that was in force meanwhile."""

    async def scenario() -> None:
        async with pool() as yard:
            sims = [await yard.start(enable_lora=True, itl_s=0.002, max_loras=4) for _ in range(2)]
            yard.watch()
            await yard.ready()
            in_force = [0]
            for sim in sims:
                await yard.load(sim, version(0), "/w/0")
                yard.scraper.set_adapters(sim.address, {ADAPTER: version(0)}, NO_ADAPTERS)
            counts = {0: 0}
            stopping = False

            async def client() -> None:
                while not stopping:
                    since = len(in_force) - 1
                    said = await yard.ask(ADAPTER, stream=True)
                    check(said, *(f"/w/{number}" for number in in_force[since:]), f"/w/{in_force[-1] + 1}")
                    counts[int(said.weights[3:])] += 1

            clients = [asyncio.ensure_future(client()) for _ in range(8)]
            for number in range(1, 5):
                counts[number] = 0
                await yard.until(lambda number=number: counts[number - 1] >= 8)  # type: ignore[misc]
                for sim in sims:
                    await _replace(yard, sim, number)
                in_force.append(number)
            await yard.until(lambda: counts[4] >= 8)
            assert await yard.listed() == {"base": None, ADAPTER: "base"}
            stopping = True
            await asyncio.gather(*clients)
            assert {record.attempts for record in yard.records if record.model} == {1}
            yard.assert_idle()

    run(scenario())


async def _replace(yard: Pool, sim: SimHandle, number: int) -> None:
    """Load beside, switch, unload when its requests are over."""
    await yard.load(sim, version(number), f"/w/{number}")
    yard.scraper.set_adapters(sim.address, {ADAPTER: version(number)}, NO_ADAPTERS)
    running = sim.simulator.engine.adapters.running
    await yard.until(lambda: version(number - 1) not in running)
    await yard.unload(sim, version(number - 1))


def test_an_unloaded_adapter_is_unknown_before_the_list_says_so() -> None:
    async def scenario() -> None:
        async with pool() as yard:
            sim = await yard.start(enable_lora=True)
            yard.watch()
            await yard.ready()
            await yard.load(sim, ADAPTER, "/w/1")
            yard.scraper.set_adapters(sim.address, {ADAPTER: ADAPTER}, NO_ADAPTERS)
            check(await yard.ask(ADAPTER), "/w/1")
            yard.scraper.set_adapters(sim.address, {ADAPTER: ""}, NO_ADAPTERS)
            sim.simulator.engine.adapters.unload(ADAPTER)
            yard.scraper.set_adapters(sim.address, {}, NO_ADAPTERS)
            assert served_names(yard.states()[sim.address]).keys() == {"base"}  # no list was read meanwhile
            assert (await yard.ask(ADAPTER)).status == 404
            assert await yard.listed() == {"base": None}
            assert sim.simulator.engine.statistics.submitted == 1

    run(scenario())


def test_a_restarted_engine_has_lost_its_adapters() -> None:
    """It comes back at once, so that no health check sees it: its 404 is not the client's, and nothing is sent to it
    until it is loaded anew."""

    async def scenario() -> None:
        async with pool() as yard:
            sim = await yard.start(enable_lora=True)
            yard.watch()
            await yard.ready()
            await yard.load(sim, ADAPTER, "/w/1")
            yard.scraper.set_adapters(sim.address, {ADAPTER: ADAPTER}, NO_ADAPTERS)
            check(await yard.ask(ADAPTER), "/w/1")
            port = sim.port
            await yard.stop(sim)
            sim = await yard.start(port, enable_lora=True)
            asked = [asyncio.ensure_future(yard.ask(ADAPTER, stream=bool(i % 2))) for i in range(6)]
            await yard.until(lambda: yard.waiting() == 6)
            assert [model.id for model in yard.states()[sim.address].models] == ["base"]
            await yard.load(sim, ADAPTER, "/w/2")
            yard.scraper.set_adapters(sim.address, {}, WANTED)
            yard.scraper.set_adapters(sim.address, {ADAPTER: ADAPTER}, NO_ADAPTERS)
            for said in await asyncio.gather(*asked):
                check(said, "/w/2")
            yard.assert_idle()

    run(scenario())


def test_the_other_replica_serves_while_one_restarts() -> None:
    async def scenario() -> None:
        async with pool() as yard:
            sims = [await yard.start(enable_lora=True) for _ in range(2)]
            yard.watch()
            await yard.ready()
            for sim in sims:
                await yard.load(sim, ADAPTER, "/w/1")
                yard.scraper.set_adapters(sim.address, {ADAPTER: ADAPTER}, NO_ADAPTERS)
            lost = sims[0]
            await yard.stop(lost)
            again = await yard.start(lost.port, enable_lora=True)
            for said in await asyncio.gather(*(yard.ask(ADAPTER) for _ in range(20))):
                check(said, "/w/1")
            assert {record.endpoint for record in yard.records} == {sims[1].address}
            assert again.simulator.engine.statistics.submitted == 0
            yard.assert_idle()

    run(scenario())


def test_an_endpoint_that_was_down_gets_no_adapter_requests_before_its_new_list() -> None:
    async def scenario() -> None:
        async with pool() as yard:
            sim = await yard.start(enable_lora=True)
            yard.watch()
            await yard.ready()
            await yard.load(sim, ADAPTER, "/w/1")
            yard.scraper.set_adapters(sim.address, {ADAPTER: ADAPTER}, NO_ADAPTERS)
            port, address = sim.port, sim.address
            await yard.stop(sim)
            await yard.until(lambda: not yard.states()[address].ready)
            await yard.until(lambda: [model.id for model in yard.states()[address].models] == ["base"])
            asked = asyncio.ensure_future(yard.ask(ADAPTER))
            await yard.until(lambda: yard.waiting() == 1)
            sim = await yard.start(port, lora={ADAPTER: "/w/2"})
            check(await asked, "/w/2")
            assert yard.records[-1].attempts == 1

    run(scenario())


def test_one_name_in_a_pool_of_vllm_and_ray() -> None:
    async def scenario() -> None:
        async with pool() as yard:
            vllm = await yard.start(enable_lora=True)
            ray = await yard.start(flavour="ray", lora={ADAPTER: "/w/ray"}, metrics_dialect="none")
            yard.watch()
            await yard.ready()
            await yard.until(lambda: yard.states()[ray.address].endpoint.engine == "ray-serve")
            check(await yard.ask(ADAPTER), "/w/ray")
            await yard.load(vllm, version(1), "/w/vllm")
            yard.scraper.set_adapters(vllm.address, {ADAPTER: version(1)}, NO_ADAPTERS)
            assert await yard.listed() == {"base": None, ADAPTER: "base"}
            seen: set[tuple[str, bool]] = set()
            async with asyncio.timeout(30):
                while len(seen) < 4:
                    for stream in (False, True):
                        said = await yard.ask(ADAPTER, stream=stream)
                        check(said, "/w/ray", "/w/vllm")
                        seen.add((said.weights, stream))
            print(f"both have answered, streamed and whole, after {len(yard.records)} requests")
            names = {record.endpoint: record.target_model for record in yard.records if record.model == ADAPTER}
            assert names == {vllm.address: version(1), ray.address: f"base:{ADAPTER}"}
            [*_, got] = ray.simulator.log.last(1)
            assert dict(got.headers)["serve_multiplexed_model_id"] == f"base:{ADAPTER}"
            yard.assert_idle()

    run(scenario())
