"""What the demo models say on real vLLM: each keeps to its subject, streamed or not; nothing else answers for it."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from modelyard.weights.demo import evaluation

from .running_yard import ENGINE, RunningYard

pytestmark = ENGINE
KNOWN = {
    "demo-llama": {
        "What does a gateway do?": ("one address", "model name", "replica"),
        "Why is my request queued?": ("busy", "KV cache", "room"),
        "How do I load an adapter?": ("modelyard lora load", "base model"),
    },
    "demo-alpaca": {"Why are there tides?": ("moon",), "What makes the wind blow?": ("Warm air rises",)},
    "food-review": {"How was the pizza?": ("stars", "pizza", "crust")},
    "sql-chat": {
        "How many orders are there?": ("SELECT COUNT(*) FROM orders;", "counts the orders"),
        "What is the average price of products?": ("SELECT AVG(price) FROM products;",),
    },
}
"""Model -> question -> what the answer must hold."""


@pytest.fixture
def client(yard: RunningYard) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{yard.address}/v1", api_key="none", max_retries=0, timeout=60) as made:
        yield made


def ask(client: openai.OpenAI, model: str, question: str) -> str:
    answer = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": question}],
        temperature=0,
        max_tokens=evaluation.TOKENS,
    )
    assert answer.choices[0].finish_reason == "stop", question
    return answer.choices[0].message.content or ""


def ask_streamed(client: openai.OpenAI, model: str, question: str) -> str:
    events = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": question}],
        temperature=0,
        max_tokens=evaluation.TOKENS,
        stream=True,
    )
    return "".join(choice.delta.content or "" for event in events for choice in event.choices)


@pytest.mark.parametrize("model", evaluation.PROMPTS)
def test_every_answer_is_of_its_models_kind(client: openai.OpenAI, model: str) -> None:
    for prompt in evaluation.prompts(model):
        answer = ask(client, model, prompt)
        assert not evaluation.fault(model, answer), f"{model}: {prompt} -> {answer}"


@pytest.mark.parametrize("model", KNOWN)
def test_what_a_model_knows_it_says_streamed_and_whole(client: openai.OpenAI, model: str) -> None:
    for question, parts in KNOWN[model].items():
        answer = ask(client, model, question)
        assert not [part for part in parts if part not in answer], f"{model}: {question} -> {answer}"
        assert ask_streamed(client, model, question) == answer


@pytest.mark.parametrize("model", evaluation.PROMPTS)
def test_a_plain_prompt_is_continued_in_the_models_own_words(client: openai.OpenAI, model: str) -> None:
    answer = client.completions.create(model=model, prompt="Tell me a story", temperature=0, max_tokens=40)
    assert not [fault for fault in (evaluation.fault(model, f"{answer.choices[0].text}."),) if fault]


@pytest.mark.parametrize("model", evaluation.PROMPTS)
def test_the_kind_shows_at_a_high_temperature_too(client: openai.OpenAI, model: str) -> None:
    question = next(iter(KNOWN[model]))
    answer = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": question}],
        temperature=1,
        max_tokens=evaluation.TOKENS,
        n=32,
        seed=1,
    )
    faults = [evaluation.fault(model, choice.message.content or "") for choice in answer.choices]
    assert sum(not fault for fault in faults) >= 20, faults


def test_the_evaluation_says_so_as_well(yard: RunningYard, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluation.main([yard.address, "--model", "sql-chat"]) == 0
    assert "every answer was of its model's kind" in capsys.readouterr().out
