"""Engines recognised over real sockets, and what is then read of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelyard.fleet.backends import EndpointSpec
from modelyard.fleet.endpoints import Endpoint

pytestmark = pytest.mark.integration

PAGES = Path(__file__).parents[2] / "fleet" / "engines" / "pages"


def page(name: str) -> bytes:
    return (PAGES / name).read_bytes()


def listed(owner: bytes) -> bytes:
    return b'{"object":"list","data":[{"id":"m","owned_by":"%b"}]}' % owner


SERVERS = {
    "vllm": {"/metrics": page("vllm-0.32.txt"), "/health": b"", "/v1/models": listed(b"vllm")},
    "vllm without metrics": {"/health": b"", "/v1/models": listed(b"vllm")},
    "sglang": {"/metrics": page("sglang.txt"), "/health": b"", "/v1/models": listed(b"sglang")},
    "trtllm-serve": {"/metrics": b"[]", "/prometheus/metrics": page("trtllm-serve.txt"), "/health": b""},
    "triton": {"/metrics": page("triton.txt"), "/health/ready": b"", "/v1/models": listed(b"Triton")},
    "triton-tensorrt-llm": {"/metrics": page("triton-tensorrt-llm.txt"), "/health/ready": b""},
    "ray-serve": {"/-/healthz": b"success", "/v1/models": listed(b"ray")},
    "openai": {"/v1/models": listed(b"somebody")},
    "": {"/": b"hello"},
}
WITH_LOAD = {"vllm", "sglang", "trtllm-serve", "triton", "triton-tensorrt-llm"}


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_is_recognised_and_ready(kit: Any, name: str) -> None:
    async def scenario() -> None:
        answers = {path: kit.ok(body) for path, body in SERVERS[name].items()}
        async with kit.serving(answers) as server, kit.watching(server.address) as watched:
            state = await watched.until(lambda state: state.ready)
            assert state.endpoint.engine == name.split(" ")[0]
            if name in WITH_LOAD:
                await watched.until(lambda state: state.load is not None)
            if "/v1/models" in answers:
                state = await watched.until(lambda state: state.models is not None)
                assert [model.id for model in state.models] == ["m"]

    kit.run(scenario)


def test_ray_shows_its_load_on_another_port(kit: Any) -> None:
    async def scenario() -> None:
        ray = {"/-/healthz": kit.ok(b"success")}
        agent = {"/m": kit.ok(page("ray-2.60-llm.txt"))}
        async with kit.serving(ray) as proxy, kit.serving(agent) as metrics:
            endpoint = Endpoint(address=proxy.address, metrics_url=f"http://{metrics.address}/m")
            async with kit.watching(EndpointSpec(endpoint=endpoint)) as watched:
                state = await watched.until(lambda state: state.load is not None)
                assert (state.load.waiting, state.load.running) == (1, 8)
                assert state.endpoint.engine == "ray-serve"
                metrics.answers.clear()
                state = await watched.until(lambda state: "404" in state.metrics_error)
                assert state.ready

    kit.run(scenario)


def test_a_label_settles_the_engine_without_asking(kit: Any) -> None:
    async def scenario() -> None:
        async with kit.serving() as server:
            endpoint = Endpoint(address=server.address, engine="vllm")
            async with kit.watching(EndpointSpec(endpoint=endpoint)) as watched:
                await watched.until(lambda state: state.ready and state.load is not None)
                assert "/version" not in server.asked

    kit.run(scenario)


def test_vllm_is_asked_for_the_wanted_metrics_only_once_it_can_filter(kit: Any) -> None:
    async def scenario() -> None:
        answers = kit.vllm_answers() | {"/metrics/": kit.ok(kit.VLLM)}
        async with kit.serving(answers) as server, kit.watching(server.address) as watched:
            await watched.until(lambda state: state.load is not None)
            await kit.until(lambda: server.asked["/metrics/"] > 5)
            assert server.asked["/metrics"] == 1

    kit.run(scenario)


@pytest.mark.parametrize("filtered", [b"", b"# TYPE x gauge\n"])
def test_a_server_whose_filter_loses_the_metrics_is_asked_for_all(kit: Any, filtered: bytes) -> None:
    async def scenario() -> None:
        answers = kit.vllm_answers() | {"/metrics/": kit.ok(filtered)}
        async with kit.serving(answers) as server, kit.watching(server.address) as watched:
            state = await watched.until(lambda state: state.load is not None)
            await kit.until(lambda: server.asked["/metrics"] > 5)
            assert server.asked["/metrics/"] == 1
            assert state.metrics_error == ""

    kit.run(scenario)


def test_another_engine_after_a_restart_is_recognised(kit: Any) -> None:
    async def scenario() -> None:
        async with kit.serving() as server, kit.watching(server.address) as watched:
            await watched.until(lambda state: state.endpoint.engine == "vllm" and state.ready)
            server.answers = {}
            await watched.until(lambda state: not state.ready)
            server.answers = {path: kit.ok(body) for path, body in SERVERS["sglang"].items()}
            await watched.until(lambda state: state.endpoint.engine == "sglang" and state.ready)
            await watched.until(lambda state: state.load is not None and state.load.waiting == 2826)

    kit.run(scenario)
