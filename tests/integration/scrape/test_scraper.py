"""The scraper as a whole: what it publishes, how often, and what it leaves behind."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import msgspec
import pytest

from modelyard.fleet.backends import BackendSpec, EndpointSpec
from modelyard.fleet.delta import apply, diff
from modelyard.fleet.endpoints import Endpoint
from modelyard.fleet.fleet import BackendKey, Fleet
from modelyard.fleet.health import HealthCheck

pytestmark = pytest.mark.integration


def test_unchanged_readings_refresh_the_age_and_not_the_version(kit: Any) -> None:
    async def scenario() -> None:
        async with kit.serving() as server, kit.watching(server.address) as watched:
            state = await watched.until(
                lambda state: state.load is not None and state.models is not None and state.ready
            )
            version = watched.scraper.fleet.backends[kit.KEY].version
            await watched.until(lambda later: later.load.at > state.load.at + 0.1)
            assert watched.scraper.fleet.backends[kit.KEY].version == version
            server.answers["/metrics"] = kit.ok(b"vllm:num_requests_waiting 9\n")
            await watched.until(lambda later: later.load.waiting == 9)
            assert watched.scraper.fleet.backends[kit.KEY].version > version

    kit.run(scenario)


def test_fleets_come_in_batches_and_as_deltas(kit: Any) -> None:
    async def scenario() -> None:
        async with kit.serving() as server:
            busy = 0

            async def changing(writer: asyncio.StreamWriter) -> None:
                nonlocal busy
                busy += 1
                writer.write(kit.ok(b"vllm:num_requests_waiting %d\n" % busy))

            server.answers["/metrics"] = changing
            settings = msgspec.structs.replace(kit.HURRIED, batch=0.2)
            async with kit.watching(server.address, settings=settings) as watched:
                began = time.monotonic()
                await kit.until(lambda: busy > 40)
                elapsed = time.monotonic() - began
                assert len(watched.fleets) <= elapsed / settings.batch + 3
                other = Fleet()
                for before, after in zip([Fleet(), *watched.fleets], watched.fleets, strict=False):
                    other = apply(other, diff(before, after))
                assert other == watched.scraper.fleet

    kit.run(scenario)


def test_an_address_that_is_dropped_is_left_alone(kit: Any) -> None:
    async def scenario() -> None:
        async with kit.serving() as first, kit.serving() as second:  # noqa: SIM117 - needs their addresses
            async with kit.watching(first.address, second.address) as watched:
                await watched.until(lambda state: state.load is not None)
                kept = await watched.until(lambda state: state.load is not None, 1)
                watched.watch(second.address)
                await kit.until(lambda: first.connections == 0)
                asked = dict(first.asked)
                state = await watched.until(lambda state: state.endpoint is kept.endpoint)
                at = state.load.at
                await watched.until(lambda state: state.load.at > at + 0.1)
                assert first.asked == asked

    kit.run(scenario)


def test_one_address_in_two_backends_is_asked_once_and_checked_in_both_ways(kit: Any) -> None:
    async def scenario() -> None:
        async with kit.serving() as server, kit.watching() as watched:
            service = BackendKey(kind="Service", namespace="d", name="s", port=80)
            failing = HealthCheck(path="/none", period=0.02)
            endpoint = Endpoint(address=server.address)
            watched.scraper.set_backends(
                {
                    kit.KEY: BackendSpec(key=kit.KEY, endpoints=(EndpointSpec(endpoint=endpoint),)),
                    service: BackendSpec(key=service, endpoints=(EndpointSpec(endpoint=endpoint, health=failing),)),
                }
            )
            await watched.until(lambda state: state.ready and state.load is not None)
            await kit.until(lambda: "404" in watched.scraper.fleet.backends[service].endpoints[0].reason)
            assert watched.state().ready
            assert server.asked["/version"] == 1

    kit.run(scenario)


def test_models_are_read_again_at_once_when_asked_or_when_an_unknown_adapter_runs(kit: Any) -> None:
    async def scenario() -> None:
        settings = msgspec.structs.replace(kit.HURRIED, models_period=600.0)
        async with kit.serving() as server, kit.watching(server.address, settings=settings) as watched:
            await watched.until(lambda state: state.models is not None)

            def listing(*names: str) -> bytes:
                return kit.ok(msgspec.json.encode({"object": "list", "data": [{"id": name} for name in names]}))

            server.answers["/v1/models"] = listing("m", "sql")
            watched.scraper.refresh_models(server.address)
            await watched.until(lambda state: len(state.models) == 2)
            server.answers["/v1/models"] = listing("m", "sql", "chat")
            line = b'vllm:lora_requests_info{max_lora="4",running_lora_adapters="chat",waiting_lora_adapters=""} 1\n'
            server.answers["/metrics"] = kit.ok(kit.VLLM + line)
            state = await watched.until(lambda state: len(state.models) == 3)
            assert state.load.running_loras == frozenset({"chat"})
            watched.scraper.refresh_models("127.0.0.1:1")

    kit.run(scenario)


def test_idle_connections_are_reused_and_closed_at_the_end(kit: Any) -> None:
    async def scenario() -> None:
        accepted = 0
        async with kit.serving() as server:
            async with kit.watching(server.address) as watched:
                await kit.until(lambda: server.asked.get("/metrics", 0) > 30)
                accepted = server.connections
                assert watched.state().load is not None
            assert 1 <= accepted <= 3
            await kit.until(lambda: server.connections == 0)

    kit.run(scenario)


def test_a_listener_that_fails_does_not_stop_the_scraper(kit: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with kit.serving() as server, kit.watching(server.address) as watched:
            calls = 0

            def broken(fleet: Fleet) -> None:
                nonlocal calls
                calls += 1
                raise RuntimeError("listener")

            watched.scraper._on_change = broken
            with caplog.at_level(logging.CRITICAL):
                await kit.until(lambda: calls > 3)

    kit.run(scenario)
