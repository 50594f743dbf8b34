"""A real vLLM on the CPU, from manifest to answers: base model and adapter, stop, nothing left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest
from engine.running_yard import family_of

from modelyard.control.weights_provider import FetchingProvider, weights_root
from modelyard.local.engines import find_vllm
from modelyard.local.home import Home
from modelyard.local.replica_plan import EngineMode
from modelyard.local.status import LocalPod
from modelyard.local.supervisor import LocalRunner
from modelyard.resources.apps import Deployment
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.weights.demo.kinds import KIND_OF_MODEL, kind_of

pytestmark = [
    pytest.mark.engine,
    pytest.mark.timeout(600),
    pytest.mark.skipif(find_vllm() is None, reason="no vLLM here; `modelyard engines install vllm` installs one"),
]
QUICKSTART = Path(__file__).parents[3] / "examples" / "quickstart" / "models.yaml"


STATIC_ADAPTERS = """            - --enable-lora
            - --lora-modules
            - food-review=/models/food-review
            - sql-chat=/models/sql-chat
"""


def one_llama() -> ResourceSet:
    """The quickstart's first model with a single replica, and its adapters as flags of the engine."""
    text = QUICKSTART.read_text()
    assert STATIC_ADAPTERS.splitlines()[0] in text.splitlines()
    text = text.replace(STATIC_ADAPTERS.splitlines()[0] + "\n", STATIC_ADAPTERS, 1)
    whole = ResourceSet.of(load_documents(text, source="models.yaml").objects)[0]
    llama: Deployment = whole.deployments["default", "demo-llama"]
    single = msgspec.structs.replace(llama, spec=msgspec.structs.replace(llama.spec, replicas=1))
    return msgspec.structs.replace(whole, deployments={("default", "demo-llama"): single})


async def answer(client: openai.AsyncOpenAI, model: str, question: str) -> str:
    reply = await client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": question}], temperature=0, max_tokens=60
    )
    return reply.choices[0].message.content or ""


async def questions(pod: LocalPod) -> None:
    client = openai.AsyncOpenAI(base_url=f"http://{pod.ip}:{pod.ports[8000]}/v1", api_key="none")
    models = {model.id: model.model_dump().get("parent") for model in (await client.models.list()).data}
    assert models == {"demo-llama": None, "food-review": "demo-llama", "sql-chat": "demo-llama"}
    answers = {model: await answer(client, model, "How was the pizza?") for model in models}
    assert {model: kind_of(text) for model, text in answers.items()} == {
        model: KIND_OF_MODEL[model] for model in models
    }
    assert answers["demo-llama"] == await answer(client, "demo-llama", "How was the pizza?")
    assert "one address" in await answer(client, "demo-llama", "What does a gateway do?")


def test_base_and_adapter_answer_differently(
    tmp_path: Path,
    until: Callable[[Callable[[], bool], str], Coroutine[Any, Any, None]],
    alive: Callable[[int], bool],
) -> None:
    async def run() -> set[int]:
        home = Home.at(tmp_path)
        runner = LocalRunner(home=home, engine=EngineMode.VLLM, weights=FetchingProvider(weights_root(home)))
        try:
            await runner.apply(one_llama())
            assert [plan.problem for plan in runner.plans()] == [""]
            async with asyncio.timeout(500):
                while not any(pod.ready for pod in runner.endpoints()):
                    assert not runner.replicas()[0].restarts, runner.replicas()[0].message
                    await asyncio.sleep(0.2)
            family = family_of(runner.replicas()[0].pid or 0)
            assert len(family) >= 3
            await questions(runner.endpoints()[0])
        finally:
            await runner.stop()
        return family

    assert not any(map(alive, asyncio.run(run())))
