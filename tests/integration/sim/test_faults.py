"""Every failure switch, seen from a client."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from modelyard.sim.faults import Faults

pytestmark = pytest.mark.integration


def test_switches_are_set_read_and_cleared_over_http(run: Any) -> None:
    async def scenario(server: Any) -> None:
        status, faults = await server.post("/sim/faults", {"status": 503, "status_rate": 1.0})
        assert (status, faults["status"]) == (200, 503)
        assert (await server.get("/sim/faults"))[1] == faults
        assert (await server.chat())[0] == 503
        await server.call("DELETE", "/sim/faults")
        assert server.sim.faults == Faults()
        assert (await server.chat())[0] == 200

    run(scenario)


@pytest.mark.parametrize("body", [{"refuze": True}, {"status": 200}, {"hang": "x"}, []])
def test_wrong_switches_are_refused_and_change_nothing(run: Any, body: Any) -> None:
    async def scenario(server: Any) -> None:
        await server.sim.set_faults(Faults(itl_factor=2.0))
        status, answer = await server.post("/sim/faults", body)
        assert (status, answer["error"]["code"]) == (400, 400)
        assert server.sim.faults == Faults(itl_factor=2.0)

    run(scenario)


def test_status_hits_model_requests_at_its_rate(run: Any) -> None:
    async def scenario(server: Any) -> None:
        await server.sim.set_faults(Faults(status=500, status_rate=0.5, retry_after_s=7))
        statuses = [(await server.chat())[0] for _ in range(60)]
        assert set(statuses) == {200, 500}
        assert 15 < statuses.count(500) < 45
        assert (await server.get("/v1/models"))[0] == 200
        await server.sim.set_faults(Faults(status=429, retry_after_s=7))
        async with server.session.post(server.sim.url + "/v1/completions", json={"prompt": "x"}) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
            assert answer.headers["x-modelyard-simulated"] == "true"

    run(scenario)


def test_refusing_closes_the_socket_and_idle_connections_and_comes_back(run: Any) -> None:
    async def scenario(server: Any) -> None:
        idle, writer = await asyncio.open_connection(server.sim.host, server.sim.port)
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await idle.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        await server.sim.set_faults(Faults(refuse=True))
        assert await idle.read() == b""
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(server.sim.host, server.sim.port)
        await server.sim.set_faults(Faults())
        assert (await server.chat())[0] == 200
        writer.close()

    run(scenario)


def test_refusing_lets_a_running_stream_end(run: Any) -> None:
    async def scenario(server: Any) -> None:
        chat = asyncio.ensure_future(server.chat(stream=True, max_tokens=20))
        await server.until(lambda: server.sim.engine.running)
        await server.sim.set_faults(Faults(refuse=True))
        assert (await chat)[1].endswith("data: [DONE]\n\n")

    run(scenario, itl_s=0.01)


def test_the_control_port_is_reachable_while_connections_are_refused(run: Any) -> None:
    async def scenario(server: Any) -> None:
        await server.sim.set_faults(Faults(refuse=True))
        async with server.session.delete(server.sim.control_url + "/sim/faults") as answer:
            assert answer.status == 200
        assert (await server.chat())[0] == 200

    run(scenario, control_port=0)


def test_faults_end_by_themselves(run: Any) -> None:
    async def scenario(server: Any) -> None:
        await server.post("/sim/faults", {"refuse": True, "for_s": 0.05})
        await server.until(lambda: server.sim.faults == Faults())
        assert (await server.chat())[0] == 200

    run(scenario)


def test_closing_before_the_head(run: Any) -> None:
    async def scenario(server: Any) -> None:
        await server.sim.set_faults(Faults(close_before_head=True))
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await server.chat()
        assert len(server.sim.requests) >= 1

    run(scenario)


@pytest.mark.parametrize("after", [0, 1, 5])
def test_a_stream_is_reset_after_so_many_tokens(run: Any, after: int) -> None:
    async def scenario(server: Any) -> None:
        await server.sim.set_faults(Faults(reset_after_tokens=after))
        received = bytearray()
        with pytest.raises(aiohttp.ClientError):
            await receive_stream(server, received)
        assert received.count(b"data: ") == after
        assert not server.sim.engine.running

    run(scenario, itl_s=0.001, ttft_s=0.01)


async def receive_stream(server: Any, received: bytearray) -> None:
    body = {"prompt": "x", "stream": True, "max_tokens": 100}
    async with server.session.post(server.sim.url + "/v1/completions", json=body) as answer:
        assert answer.status == 200
        async for piece in answer.content.iter_any():
            received += piece


def test_an_answer_in_one_piece_is_reset_before_its_head(run: Any) -> None:
    async def scenario(server: Any) -> None:
        await server.sim.set_faults(Faults(reset_after_tokens=2))
        with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
            await server.chat(max_tokens=10)

    run(scenario)


def test_hanging_before_the_head_until_released(run: Any) -> None:
    async def scenario(server: Any) -> None:
        await server.sim.set_faults(Faults(hang="before-head"))
        chat = asyncio.ensure_future(server.chat())
        await server.until(lambda: server.sim.simulator.load == 1)
        await server.sim.set_faults(Faults(hang="before-head", itl_factor=2.0))
        assert (await server.get("/health"))[0] == 200
        assert not chat.done()
        await server.sim.set_faults(Faults())
        assert (await chat)[0] == 200

    run(scenario)


def test_hanging_in_mid_stream_until_released(run: Any) -> None:
    async def scenario(server: Any) -> None:
        await server.sim.set_faults(Faults(hang="mid-stream", hang_after_tokens=3))
        chat = asyncio.ensure_future(server.chat(stream=True, max_tokens=10))
        await server.until(lambda: server.sim.engine.statistics.generation_tokens == 3)
        assert len(server.sim.engine.running) == 1
        await server.sim.set_faults(Faults())
        assert (await chat)[1].endswith("data: [DONE]\n\n")
        assert server.sim.engine.statistics.generation_tokens == 10

    run(scenario)


def test_slow_tokens_and_a_late_head(run: Any) -> None:
    async def scenario(server: Any) -> None:
        await server.sim.set_faults(Faults(itl_factor=1000.0))
        chat = asyncio.ensure_future(server.chat(max_tokens=10))
        await server.until(lambda: server.sim.engine.statistics.generation_tokens == 1)
        wake = server.sim.engine.next_wake()
        await server.sim.set_faults(Faults(head_delay_s=0.05))
        assert wake is not None
        chat.cancel()
        assert (await server.chat())[0] == 200

    run(scenario, itl_s=0.01)


def test_ill_health(run: Any) -> None:
    async def scenario(server: Any) -> None:
        await server.sim.set_faults(Faults(unhealthy=True))
        assert [(await server.get(path))[0] for path in ("/health", "/ping")] == [503, 503]
        assert (await server.chat())[0] == 200

    run(scenario)


def test_ill_health_of_ray(run: Any) -> None:
    async def scenario(server: Any) -> None:
        await server.sim.set_faults(Faults(unhealthy=True))
        assert (await server.get("/-/healthz"))[0] == 503

    run(scenario, flavour="ray")


@pytest.mark.parametrize(("metrics", "status"), [("not-found", 404), ("error", 500), ("redirect", 302)])
def test_metrics_with_another_status(run: Any, metrics: Any, status: int) -> None:
    async def scenario(server: Any) -> None:
        await server.sim.set_faults(Faults(metrics=metrics))
        assert (await server.get("/metrics", allow_redirects=False))[0] == status
        assert (await server.chat())[0] == 200

    run(scenario)


def test_metrics_without_numbers(run: Any) -> None:
    async def scenario(server: Any) -> None:
        await server.sim.set_faults(Faults(metrics="nan"))
        _, page = await server.get("/metrics")
        values = [s.value for family in text_string_to_metric_families(page) for s in family.samples]
        assert any(math.isnan(value) for value in values)
        assert any(math.isinf(value) for value in values)

    run(scenario)


def test_huge_and_garbage_metrics(run: Any) -> None:
    async def scenario(server: Any) -> None:
        await server.sim.set_faults(Faults(metrics="huge", metrics_bytes=3_000_000))
        assert len((await server.get("/metrics"))[1]) > 3_000_000
        await server.sim.set_faults(Faults(metrics="garbage"))
        status, page = await server.get("/metrics")
        assert status == 200
        assert "{{{ not metrics" in page

    run(scenario)


def test_slow_metrics(run: Any) -> None:
    async def scenario(server: Any) -> None:
        await server.sim.set_faults(Faults(metrics="slow", metrics_delay_s=0.05))
        assert "vllm:num_requests_running" in (await server.get("/metrics"))[1]
        await server.sim.set_faults(Faults(metrics="slow", metrics_delay_s=1000.0))
        with pytest.raises(asyncio.TimeoutError):
            await server.get("/metrics", timeout=aiohttp.ClientTimeout(total=0.1))

    run(scenario)


def test_faults_from_the_start(run: Any) -> None:
    async def scenario(server: Any) -> None:
        assert (await server.chat())[0] == 502

    run(scenario, faults=Faults(status=502))
