from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from modelyard.sim.api.bodies import Ask
from modelyard.sim.api.errors import ApiError
from modelyard.sim.engine import Emission
from modelyard.sim.faults import Faults
from modelyard.sim.settings import INSTANT, SimSettings
from modelyard.sim.simulator import Simulator


class Collected:
    """Keeps what the engine gives, and says when it was the last."""

    def __init__(self) -> None:
        self.emissions: list[Emission] = []
        self.ended = asyncio.Event()

    def emit(self, emission: Emission) -> None:
        self.emissions.append(emission)
        if emission.finished:
            self.ended.set()


def simulated(scenario: Callable[[Simulator], Awaitable[None]], **fields: Any) -> None:
    async def main() -> None:
        settings: dict[str, Any] = {"model": "m", **INSTANT, **fields}
        async with asyncio.timeout(10.0):
            await scenario(Simulator(SimSettings(**settings), "127.0.0.1:1"))

    asyncio.run(main())


def ask(model: str | None = None, prompt: bytes = b"hello", **fields: Any) -> Ask:
    return Ask(model=model, prompts=[prompt], echoes=[""], **fields)


@pytest.mark.parametrize(
    ("flavour", "model", "resolved"),
    [
        ("vllm", None, ("x", "")),
        ("vllm", "x", ("x", "")),
        ("vllm", "y", ("x", "")),
        ("vllm", "a", ("a", "a")),
        ("vllm", "x:a", None),
        ("vllm", "m", None),
        ("ray", "x:a", ("x:a", "a")),
        ("ray", "a", None),
        ("ray", "z:a", None),
    ],
)
def test_which_model_a_name_is(flavour: str, model: str | None, resolved: tuple[str, str] | None) -> None:
    async def scenario(sim: Simulator) -> None:
        if resolved is None:
            with pytest.raises(ApiError, match="does not exist"):
                sim.resolve(model)
        else:
            assert sim.resolve(model) == resolved

    simulated(scenario, flavour=flavour, served_model_names=("x", "y"), lora={"a": "/a"})


def test_a_job_runs_to_its_end() -> None:
    async def scenario(sim: Simulator) -> None:
        job, sink = sim.prepare(ask(limit=5)), Collected()
        sim.submit(job, sink)
        await sink.ended.wait()
        assert "".join(emission.piece for emission in sink.emissions) == job.text
        assert job.usage()["completion_tokens"] == 5

    simulated(scenario)


def test_nothing_comes_out_of_an_aborted_job() -> None:
    async def scenario(sim: Simulator) -> None:
        job, sink = sim.prepare(ask(limit=5)), Collected()
        sim.submit(job, sink)
        sim.abort(job)
        later, done = sim.prepare(ask(limit=1)), Collected()
        sim.submit(later, done)
        await done.ended.wait()
        assert sink.emissions == []

    simulated(scenario)


def test_a_prompt_must_leave_room_for_a_token() -> None:
    async def scenario(sim: Simulator) -> None:
        sim.prepare(ask(prompt=b"x" * 396))
        with pytest.raises(ApiError, match="maximum context length is 100 tokens"):
            sim.prepare(ask(prompt=b"x" * 400))

    simulated(scenario, max_model_len=100)


def test_prompts_that_do_not_fit_the_queue_are_all_taken_back() -> None:
    async def scenario(sim: Simulator) -> None:
        for _ in range(2):
            sim.submit(sim.prepare(ask(limit=5)), Collected())
            await asyncio.sleep(0)
        job = sim.prepare(ask(limit=5, choices=3))
        with pytest.raises(ApiError) as caught:
            sim.submit(job, Collected())
        assert caught.value.status == 503
        assert sim.engine.waiting == 1

    simulated(scenario, max_num_seqs=1, max_num_queued_reqs=1, itl_s=100.0)


def test_a_server_that_shuts_down_takes_nothing_new() -> None:
    async def scenario(sim: Simulator) -> None:
        sim.draining = True
        with pytest.raises(ApiError, match="shutting down"):
            sim.submit(sim.prepare(ask()), Collected())

    simulated(scenario)


def test_the_metrics_page_is_made_again_only_after_a_change() -> None:
    async def scenario(sim: Simulator) -> None:
        page = sim.metrics()
        assert sim.metrics() is page
        sink = Collected()
        sim.submit(sim.prepare(ask(limit=1)), sink)
        await sink.ended.wait()
        assert sim.metrics() != page

    simulated(scenario)


def test_salts_and_adapters_share_no_cache() -> None:
    async def scenario(sim: Simulator) -> None:
        prompt = b"x" * 640
        asks = [ask(), ask(salt="s"), ask("a")]
        roots = {tuple(sim.prepare(Ask(**{**_fields(one), "prompts": [prompt]})).sequences[0].hashes) for one in asks}
        assert len(roots) == 3

    simulated(scenario, lora={"a": "/a"})


def test_new_faults_replace_the_timer_of_the_old() -> None:
    async def scenario(sim: Simulator) -> None:
        await sim.change_faults(Faults(unhealthy=True, for_s=0.01))
        await sim.change_faults(Faults(unhealthy=True))
        await asyncio.sleep(0.03)
        assert sim.faults.unhealthy
        sim.stop()

    simulated(scenario)


def _fields(one: Ask) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}
