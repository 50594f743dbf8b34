"""The quickstart on real vLLM with a real Envoy in front (``up --edge envoy``): same answers, token by token."""

from __future__ import annotations

import os
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from modelyard.local.envoy import find_envoy
from modelyard.weights.demo.kinds import KIND_OF_MODEL, kind_of

from .running_yard import ENGINE, QUICKSTART, RunningYard, family_of, until

pytestmark = [
    *ENGINE,
    pytest.mark.envoy,
    pytest.mark.skipif(find_envoy() is None, reason="no Envoy here; `modelyard engines install envoy` installs one"),
]
QUESTION: Any = [{"role": "user", "content": "Who are you?"}]
LONG = 1000
"""Tokens of a stream that is watched while it runs."""
_RUNNING = re.compile(r"^vllm:num_requests_running\{.*\} (\S+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningYard]:
    """One replica of each model: what is asked here needs no more."""
    files = {name: (QUICKSTART / name).read_text() for name in ("gateway.yaml", "models.yaml")}
    files["models.yaml"] = files["models.yaml"].replace("replicas: 2", "replicas: 1")
    yard = RunningYard(tmp_path_factory.mktemp("edge"), files, "--edge", "envoy", "--silence", "30", "--drain", "5")
    try:
        yard.start()
        print(f"\nready after {yard.start_seconds:.0f} s")
        yield yard
    finally:
        yard.end()


@pytest.fixture
def client(edge: RunningYard) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{edge.address}/v1", api_key="none", max_retries=0, timeout=60) as made:
        until(lambda: {model.id for model in made.models.list()} == set(KIND_OF_MODEL), "every model is listed", 60)
        yield made


def running(yard: RunningYard) -> float:
    """Requests that the replica of the first model works on, as the engine itself says."""
    address = yard.replicas()["demo-llama-0"]["address"]
    with urllib.request.urlopen(f"http://{address}:8000/metrics", timeout=30) as answer:
        return sum(float(number) for number in _RUNNING.findall(answer.read().decode()))


def test_bases_and_adapters_answer_differently_streamed_and_whole(edge: RunningYard, client: openai.OpenAI) -> None:
    executables = {Path(os.readlink(f"/proc/{pid}/exe")).name for pid in family_of(edge.pid)}
    assert "envoy" in executables
    kinds = {}
    for model in KIND_OF_MODEL:
        asked: Any = {"model": model, "messages": QUESTION, "max_tokens": 64, "temperature": 0}
        whole = client.chat.completions.create(**asked)
        text = whole.choices[0].message.content or ""
        assert (whole.model, kinds.setdefault(model, kind_of(text))) == (model, KIND_OF_MODEL[model]), text
        assert whole.usage is not None
        assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
        events = list(client.chat.completions.create(**asked, stream=True))
        assert {event.model for event in events} == {model}
        assert "".join(choice.delta.content or "" for event in events for choice in event.choices) == text
    assert len(set(kinds.values())) == len(KIND_OF_MODEL)


def test_a_stream_comes_token_by_token(edge: RunningYard, client: openai.OpenAI) -> None:
    stream = iter(
        client.chat.completions.create(
            model="food-review",
            messages=QUESTION,
            max_tokens=LONG,
            stream=True,
            stream_options={"include_usage": True},
            extra_body={"ignore_eos": True},
        )
    )
    found = [next(stream), next(stream)]
    assert any(choice.delta.content for choice in found[1].choices)
    assert running(edge) == 1, "the answer was held back until its end"
    found += stream
    assert sum(bool(event.choices and event.choices[0].delta.content) for event in found) > LONG // 10
    assert found[-1].usage is not None
    assert found[-1].usage.completion_tokens == LONG


def test_an_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        client.chat.completions.create(model="no-such-model", messages=QUESTION)
    assert refused.value.code == "model_not_found"
