"""Readiness over real sockets: active checks, failures in traffic, silence, and coming back."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import msgspec
import pytest
import trustme

from modelyard.fleet.backends import EndpointSpec
from modelyard.fleet.endpoints import Endpoint
from modelyard.fleet.health import HealthCheck, PassiveSettings

pytestmark = pytest.mark.integration

FAST = HealthCheck(path="/ready", period=0.02, timeout=0.3)


def spec(address: str, check: HealthCheck | None = None, **fields: Any) -> EndpointSpec:
    return EndpointSpec(endpoint=Endpoint(address=address, engine="vllm"), health=check, **fields)


def test_a_check_takes_out_and_brings_back_by_its_thresholds(kit: Any) -> None:
    async def scenario() -> None:
        check = msgspec.structs.replace(FAST, healthy_threshold=3, unhealthy_threshold=4)
        async with kit.serving() as server, kit.watching(spec(server.address, check)) as watched:
            state = await watched.until(lambda state: not state.ready and "404" in state.reason)
            assert state.reason == "health check: /ready answers HTTP 404"
            server.answers["/ready"] = kit.ok()
            before = server.asked["/ready"]
            await watched.until(lambda state: state.ready)
            assert server.asked["/ready"] - before >= 3
            server.answers["/ready"] = kit.status(503)
            before = server.asked["/ready"]
            await watched.until(lambda state: not state.ready)
            assert server.asked["/ready"] - before >= 4

    kit.run(scenario)


def test_an_endpoint_of_a_pod_that_is_not_ready_is_not_ready(kit: Any) -> None:
    async def scenario() -> None:
        async with kit.serving() as server:
            starting = spec(server.address, ready=False, reason="loading weights")
            async with kit.watching(starting) as watched:
                await watched.until(lambda state: state.load is not None)
                assert (watched.state().ready, watched.state().reason) == (False, "loading weights")
                watched.watch(spec(server.address))
                await watched.until(lambda state: state.ready)

    kit.run(scenario)


def test_an_endpoint_of_a_service_takes_traffic_before_its_first_check(kit: Any) -> None:
    async def scenario() -> None:
        async with kit.serving({}) as server:
            service = EndpointSpec(endpoint=Endpoint(address=server.address), from_service=True)
            async with kit.watching(service) as watched:
                assert watched.fleets[0].backends[kit.KEY].endpoints[0].ready
                await watched.until(lambda state: state.ready and server.asked)
            async with kit.watching(msgspec.structs.replace(service, health=FAST)) as watched:
                assert not watched.fleets[0].backends[kit.KEY].endpoints[0].ready
        async with kit.watching(service) as watched:
            await watched.until(lambda state: not state.ready and "refused" in state.reason)

    kit.run(scenario)


def test_a_refused_endpoint_says_so_and_is_found_when_it_opens(kit: Any) -> None:
    async def scenario() -> None:
        async with kit.serving() as probe:
            address = probe.address
        host, _, port = address.rpartition(":")
        async with kit.watching(address) as watched:
            state = await watched.until(lambda state: "refused" in state.reason)
            assert not state.ready
            async with kit.serving(host=host, port=int(port)):
                await watched.until(lambda state: state.ready and state.load is not None)

    kit.run(scenario)


def test_tcp_and_tls_checks(kit: Any) -> None:
    async def scenario() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("somewhere.example").configure_cert(context)
        async with kit.serving({"/ready": kit.ok()}, ssl=context) as secure, kit.serving({}) as plain:
            secured = spec(secure.address, msgspec.structs.replace(FAST, tls=True))
            wrong = spec(plain.address, msgspec.structs.replace(FAST, tls=True))
            async with kit.watching(secured, wrong) as watched:
                await watched.until(lambda state: state.ready)
                await watched.until(lambda state: not state.ready and state.reason != "not checked yet", 1)
            async with kit.watching(spec(plain.address, HealthCheck(kind="tcp", period=0.02))) as watched:
                await watched.until(lambda state: state.ready)

    kit.run(scenario)


def test_a_check_that_cannot_be_sent_is_a_failure(kit: Any) -> None:
    async def scenario() -> None:
        check = HealthCheck(path="/a\r\nX-Evil: 1", period=0.02)
        async with kit.serving() as server, kit.watching(spec(server.address, check)) as watched:
            state = await watched.until(lambda state: "cannot be sent" in state.reason)
            assert not state.ready

    kit.run(scenario)


def test_failures_in_traffic_set_aside_until_a_check_passes(kit: Any) -> None:
    async def scenario() -> None:
        async with kit.serving() as server, kit.serving() as other:
            specs = (spec(server.address, FAST), spec(other.address, FAST))
            settings = msgspec.structs.replace(kit.HURRIED, passive=PassiveSettings(back_off=1.0))
            async with kit.watching(*specs, settings=settings) as watched:
                for one in (server, other):
                    one.answers["/ready"] = kit.ok()
                await watched.until(lambda state: state.ready)
                await watched.until(lambda state: state.ready, 1)
                for _ in range(3):
                    watched.scraper.report_failure(server.address)
                state = await watched.until(lambda state: not state.ready)
                assert "traffic" in state.reason
                await watched.until(lambda state: state.ready)
                watched.scraper.report_failure("127.0.0.1:1")

    kit.run(scenario)


def test_failures_in_traffic_do_not_take_the_last_endpoint(kit: Any) -> None:
    async def scenario() -> None:
        async with kit.serving() as server, kit.watching(spec(server.address)) as watched:
            await watched.until(lambda state: state.ready)
            seen = len(watched.fleets)
            for _ in range(3):
                watched.scraper.report_failure(server.address)
            await kit.until(lambda: len(watched.fleets) > seen + 5)
            assert all(state.ready for fleet in watched.fleets[seen:] for state in fleet.backends[kit.KEY].endpoints)

    kit.run(scenario)


def test_a_stopped_server_is_out_soon_and_back_soon(kit: Any) -> None:
    """It accepts connections and answers nothing, as a stopped process does."""

    async def scenario() -> None:
        released = asyncio.Event()

        async def silent(writer: asyncio.StreamWriter) -> None:
            await released.wait()

        async with kit.serving() as server, kit.serving() as other:  # noqa: SIM117 - needs their addresses
            async with kit.watching(server.address, other.address) as watched:
                await watched.until(lambda state: state.ready)
                await watched.until(lambda state: state.ready, 1)
                answers, server.answers = server.answers, dict.fromkeys(server.answers, silent)
                server.answers["/version"] = silent
                await watched.until(lambda state: not state.ready)
                assert watched.state(1).ready
                server.answers = answers
                released.set()
                await watched.until(lambda state: state.ready)

    kit.run(scenario)


def test_a_killed_server_is_out_and_its_successor_is_in(kit: Any) -> None:
    async def scenario() -> None:
        async with kit.serving() as other:
            async with kit.serving() as server, kit.watching(server.address, other.address) as watched:
                host, _, port = server.address.rpartition(":")
                await watched.until(lambda state: state.ready and state.models is not None)
            server.answers.clear()
            async with kit.watching(server.address, other.address) as watched:
                await watched.until(lambda state: not state.ready and "refused" in state.reason)
                await watched.until(lambda state: state.ready, 1)
                models = b'{"object":"list","data":[{"id":"new","owned_by":"vllm"}]}'
                answers = kit.vllm_answers() | {"/v1/models": kit.ok(models)}
                async with kit.serving(answers, host=host, port=int(port)):
                    state = await watched.until(lambda state: state.ready and state.models is not None)
                    assert [model.id for model in state.models] == ["new"]

    kit.run(scenario)
