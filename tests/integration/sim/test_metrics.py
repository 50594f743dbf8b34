"""The metrics page over HTTP agrees with what was asked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.integration


async def values(server: Any) -> dict[str, float]:
    """Sums of the page's series by name."""
    async with server.session.get(server.sim.metrics_url) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        page = await answer.text()
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
    return sums


def test_counters_follow_the_requests(run: Any) -> None:
    async def scenario(server: Any) -> None:
        for _ in range(3):
            _, answer = await server.chat(max_tokens=5)
        found = await values(server)
        assert found["vllm:generation_tokens_total"] == 15
        assert found["vllm:prompt_tokens_total"] == 3 * answer["usage"]["prompt_tokens"]
        assert found["vllm:request_success_total"] == 3
        assert found["vllm:e2e_request_latency_seconds_count"] == 3
        assert found["vllm:num_requests_running"] == found["vllm:num_requests_waiting"] == 0

    run(scenario)


def test_gauges_show_what_runs_and_waits(run: Any) -> None:
    async def scenario(server: Any) -> None:
        chats = [asyncio.ensure_future(server.chat(max_tokens=1000)) for _ in range(5)]
        await server.until(lambda: server.sim.engine.waiting == 3)
        found = await values(server)
        assert (found["vllm:num_requests_running"], found["vllm:num_requests_waiting"]) == (2, 3)
        assert 0 < found["vllm:kv_cache_usage_perc"] < 1
        for chat in chats:
            chat.cancel()
        await server.until(lambda: not server.sim.simulator.load)
        found = await values(server)
        assert (found["vllm:num_requests_running"], found["vllm:kv_cache_usage_perc"]) == (0, 0)

    run(scenario, itl_s=1.0, max_num_seqs=2)


def test_prefix_hits(run: Any) -> None:
    async def scenario(server: Any) -> None:
        for _ in range(2):
            await server.post("/v1/completions", {"prompt": "x" * 640, "max_tokens": 1})
        found = await values(server)
        assert found["vllm:prefix_cache_queries_total"] == 320
        assert found["vllm:prefix_cache_hits_total"] == 144

    run(scenario)


def test_there_may_be_no_metrics(run: Any) -> None:
    async def scenario(server: Any) -> None:
        assert server.sim.metrics_url == ""
        assert (await server.get("/metrics"))[0] == 404

    run(scenario, metrics_dialect="none")
