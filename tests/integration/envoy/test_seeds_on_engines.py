"""The two published systems of ``test_seeds`` on the engines that their manifests name, with a real Envoy in front
(``up --edge envoy``): Ray clusters told apart by the model in the body, and vLLM with two adapters behind an
InferencePool."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import openai
import pytest
from engine.running_yard import RunningYard, executable_of, family_of, until
from seed_manifests import LLAMA, inference_gateway, published

from modelyard.local.engines import find_vllm
from modelyard.local.envoy import find_envoy
from modelyard.local.ray.engine import find_ray
from modelyard.weights.demo.kinds import kind_of

pytestmark = [
    pytest.mark.engine,
    pytest.mark.envoy,
    pytest.mark.timeout(600),
    pytest.mark.skipif(find_vllm() is None, reason="no vLLM here; `modelyard engines install vllm` installs one"),
    pytest.mark.skipif(find_envoy() is None, reason="no Envoy here; `modelyard engines install envoy` installs one"),
]
QUESTION: Any = [{"role": "user", "content": "What can you tell me?"}]
LONG = 1000
"""Tokens of a stream that is watched while it runs."""
_RUNNING = re.compile(r"^vllm:num_requests_running\{.*\} (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class System:
    """Manifests, what stands for their weights, and the kind of text that each name stands for."""

    manifests: Mapping[str, str]
    sources: Mapping[str, str]
    kinds: Mapping[str, str]

    def options(self) -> list[str]:
        sources = [part for name, source in self.sources.items() for part in ("--source", f"{name}={source}")]
        return [*sources, "--edge", "envoy", "--silence", "30", "--drain", "5"]


RAY_CLUSTERS = System(
    published("ray-clusters"),
    {"google/gemma-2b-it": "demo://demo-llama", "Qwen/Qwen2.5-3B": "demo://demo-alpaca"},
    {"gemma-2b-it": "serving", "qwen-2.5-3b": "sea"},
)
INFERENCE_GATEWAY = System(
    inference_gateway(()),
    {
        LLAMA: "demo://demo-llama",
        "Kawon/llama3.1-food-finetune_v14_r8": "demo://food-review",
        "redcathode/fabricator": "demo://sql-chat",
    },
    {LLAMA: "serving", "food-review": "food", "cad-fabricator": "sql"},
)


@dataclass(frozen=True)
class Edge:
    """A system that runs."""

    yard: RunningYard
    system: System

    @property
    def openai(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.yard.address}/v1", api_key="none", max_retries=0, timeout=60)

    def serves(self, model: str) -> bool:
        try:
            self.openai.chat.completions.create(model=model, messages=QUESTION, max_tokens=1)
        except openai.APIError:
            return False
        return True


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(RAY_CLUSTERS, marks=pytest.mark.skipif(find_ray() is None, reason="no Ray here"), id="Ray"),
        pytest.param(INFERENCE_GATEWAY, id="vLLM"),
    ],
)
def edge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    system: System = request.param
    yard = RunningYard(tmp_path_factory.mktemp("edge"), system.manifests, *system.options())
    try:
        yard.start()
        print(f"\nready after {yard.start_seconds:.0f} s")
        made = Edge(yard, system)
        for model in system.kinds:
            until(lambda model=model: made.serves(model), f"{model} is not served", 60)
        yield made
    finally:
        yard.end()


def test_every_model_answers_as_itself_streamed_and_whole(edge: Edge) -> None:
    assert "envoy" in map(executable_of, family_of(edge.yard.pid))
    for model, kind in edge.system.kinds.items():
        asked: Any = {"model": model, "messages": QUESTION, "max_tokens": 64, "temperature": 0}
        whole = edge.openai.chat.completions.create(**asked)
        text = whole.choices[0].message.content or ""
        assert (whole.model, kind_of(text)) == (model, kind), text
        assert whole.usage is not None
        assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
        events = list(edge.openai.chat.completions.create(**asked, stream=True))
        assert {event.model for event in events} == {model}
        assert "".join(choice.delta.content or "" for event in events for choice in event.choices) == text


def test_a_client_cannot_choose_by_the_header_that_routes_read(edge: Edge) -> None:
    first, *_, last = edge.system.kinds
    for name in ("X-Gateway-Model-Name", "x_gateway_model_name", "X-Gateway-Base-Model-Name"):
        answer = edge.openai.chat.completions.create(
            model=last, messages=QUESTION, max_tokens=64, temperature=0, extra_headers={name: first}
        )
        text = answer.choices[0].message.content or ""
        assert (answer.model, kind_of(text)) == (last, edge.system.kinds[last]), text


def test_a_stream_comes_token_by_token(edge: Edge) -> None:
    stream = iter(
        edge.openai.chat.completions.create(
            model=next(iter(edge.system.kinds)),
            messages=QUESTION,
            max_tokens=LONG,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
            extra_body={"ignore_eos": True},
        )
    )
    found = [next(stream), next(stream)]
    assert any(choice.delta.content for choice in found[1].choices)
    if edge.system is INFERENCE_GATEWAY:
        assert running(edge.yard) == 1, "the answer was held back until its end"
    found += stream
    assert sum(bool(event.choices and event.choices[0].delta.content) for event in found) > LONG // 10
    assert found[-1].usage is not None
    assert found[-1].usage.completion_tokens == LONG


def test_an_unknown_model_is_not_found(edge: Edge) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        edge.openai.chat.completions.create(model="no-such-model", messages=QUESTION)
    assert refused.value.code == "model_not_found"


def running(yard: RunningYard) -> float:
    """Requests that the one replica works on, as the engine itself says."""
    (replica,) = yard.replicas().values()
    with urllib.request.urlopen(f"http://{replica['address']}:8000/metrics", timeout=30) as answer:
        return sum(float(number) for number in _RUNNING.findall(answer.read().decode()))
