"""The scraper against simulated model servers: every dialect of metrics, and their faults at run time."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from modelyard.fleet.backends import EndpointSpec
from modelyard.fleet.endpoints import Endpoint
from modelyard.sim.faults import Faults
from modelyard.sim.server import SimHandle, running_sim
from modelyard.sim.settings import SimSettings

pytestmark = pytest.mark.integration

SLOW = {"ttft_s": 30.0}


async def start_request(sim: SimHandle, model: str) -> asyncio.StreamWriter:
    """A completion that runs until the connection is closed."""
    _, writer = await asyncio.open_connection(sim.host, sim.port)
    body = json.dumps({"model": model, "prompt": "x", "max_tokens": 100}).encode()
    head = b"POST /v1/completions HTTP/1.1\r\nhost: s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    writer.write(head % len(body) + body)
    await writer.drain()
    return writer


@pytest.mark.parametrize("dialect", ["vllm", "vllm-old", "sglang", "trtllm", "triton-trtllm", "ray"])
def test_running_requests_are_seen_in_every_dialect(kit: Any, dialect: str) -> None:
    async def scenario() -> None:
        settings = SimSettings(metrics_dialect=dialect, **SLOW)  # type: ignore[arg-type]
        async with running_sim(settings) as sim, kit.watching(sim.address) as watched:
            state = await watched.until(lambda state: state.ready and state.load is not None)
            assert state.endpoint.engine == "simulator"
            assert state.load.running == 0
            writers = [await start_request(sim, "sim-model") for _ in range(3)]
            await watched.until(lambda state: state.load.running == 3)
            for writer in writers:
                writer.close()
            await watched.until(lambda state: state.load.running == 0)

    kit.run(scenario)


def test_waiting_requests_cache_and_adapters_are_seen(kit: Any) -> None:
    async def scenario() -> None:
        settings = SimSettings(lora={"sql": "/x"}, max_num_seqs=1, num_blocks=64, max_loras=2, **SLOW)  # type: ignore[arg-type]
        async with running_sim(settings) as sim, kit.watching(sim.address) as watched:
            state = await watched.until(lambda state: state.load is not None and state.models is not None)
            assert {model.id: model.parent for model in state.models} == {"sim-model": None, "sql": "sim-model"}
            assert (state.load.block_size, state.load.num_blocks) == (16, 64)
            writers = [await start_request(sim, "sql") for _ in range(3)]
            state = await watched.until(lambda state: state.load.running == 1 and state.load.waiting == 2)
            state = await watched.until(lambda state: state.load.running_loras == frozenset({"sql"}))
            assert state.load.max_loras == 2
            for writer in writers:
                writer.close()

    kit.run(scenario)


def test_a_simulated_ray_serve(kit: Any) -> None:
    async def scenario() -> None:
        settings = SimSettings(flavour="ray", metrics_dialect="ray", metrics_port=0)
        async with running_sim(settings) as sim:
            endpoint = Endpoint(address=sim.address, metrics_url=sim.metrics_url)
            async with kit.watching(EndpointSpec(endpoint=endpoint)) as watched:
                state = await watched.until(lambda state: state.ready and state.load is not None)
                assert state.endpoint.engine == "ray-serve"
                await sim.set_faults(Faults(unhealthy=True))
                state = await watched.until(lambda state: not state.ready)
                assert "503" in state.reason
                await sim.set_faults(Faults())
                await watched.until(lambda state: state.ready)

    kit.run(scenario)


@pytest.mark.parametrize("fault", ["nan", "huge", "redirect", "not-found", "garbage", "error"])
def test_metrics_faults_are_told_and_do_not_stop_traffic(kit: Any, fault: str) -> None:
    async def scenario() -> None:
        async with running_sim() as sim, kit.watching(sim.address) as watched:
            await watched.until(lambda state: state.ready and state.load is not None)
            await sim.set_faults(Faults(metrics=fault))  # type: ignore[arg-type]
            state = await watched.until(lambda state: bool(state.metrics_error))
            assert state.ready
            await sim.set_faults(Faults())
            await watched.until(lambda state: not state.metrics_error)

    kit.run(scenario)


def test_a_refusing_server_is_out_and_back(kit: Any) -> None:
    async def scenario() -> None:
        async with running_sim() as sim, running_sim() as other:  # noqa: SIM117 - needs their addresses
            async with kit.watching(sim.address, other.address) as watched:
                await watched.until(lambda state: state.ready)
                await watched.until(lambda state: state.ready, 1)
                await sim.set_faults(Faults(refuse=True))
                await watched.until(lambda state: not state.ready)
                await sim.set_faults(Faults())
                await watched.until(lambda state: state.ready)

    kit.run(scenario)
