"""What clients get from real vLLM through one address: every model, every dialect, errors as the engine words them."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from modelyard.weights.demo.kinds import KIND_OF_MODEL, kind_of

from .running_yard import ENGINE, RunningYard

pytestmark = ENGINE
MODELS = ("demo-llama", "food-review", "sql-chat", "demo-alpaca")
QUESTION = "Who are you?"


@pytest.fixture
def client(yard: RunningYard) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{yard.address}/v1", api_key="none", max_retries=0, timeout=60) as made:
        yield made


def ask(client: openai.OpenAI, model: str, question: str = QUESTION) -> str:
    answer = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": question}], temperature=0, max_tokens=64
    )
    assert answer.model == model
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    return answer.choices[0].message.content or ""


def ask_streamed(client: openai.OpenAI, model: str) -> str:
    text, usage = "", None
    for event in client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": QUESTION}],
        temperature=0,
        max_tokens=64,
        stream=True,
        stream_options={"include_usage": True},
    ):
        assert event.model == model
        usage = event.usage or usage
        text += "".join(choice.delta.content or "" for choice in event.choices)
    assert usage is not None
    assert usage.completion_tokens > 0
    return text


def post(yard: RunningYard, path: str, body: object) -> tuple[int, Any]:
    """Status and JSON answer."""
    connection = http.client.HTTPConnection("127.0.0.1", yard.port, timeout=60)
    try:
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_the_adapter_and_both_bases_answer_differently_and_always_the_same(client: openai.OpenAI) -> None:
    answers = {model: ask(client, model) for model in MODELS}
    assert len(set(answers.values())) == len(MODELS)
    assert {model: kind_of(text) for model, text in answers.items()} == KIND_OF_MODEL
    for model, text in answers.items():
        assert {ask(client, model) for _ in range(4)} == {text}
        assert ask_streamed(client, model) == text


def test_the_models_of_both_pools_are_listed_with_the_adapters_parent(client: openai.OpenAI) -> None:
    listed = {model.id: model.model_dump() for model in client.models.list()}
    assert set(listed) == set(MODELS)
    assert listed["food-review"]["parent"] == listed["sql-chat"]["parent"] == "demo-llama"
    assert listed["demo-llama"]["parent"] is None


def test_an_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        ask(client, "no-such-model")
    assert refused.value.code == "model_not_found"


def test_completions(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="demo-alpaca", prompt="Hello", max_tokens=5, temperature=0)
    assert answer.choices[0].text
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 5


def test_responses(client: openai.OpenAI) -> None:
    whole = client.responses.create(model="food-review", input=QUESTION, max_output_tokens=64, temperature=0)
    assert whole.output_text.strip() == ask(client, "food-review").strip()
    events = list(client.responses.create(model="food-review", input=QUESTION, temperature=0, stream=True))
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text.strip() == whole.output_text.strip()


def test_anthropic_messages(yard: RunningYard, client: openai.OpenAI) -> None:
    body = {"messages": [{"role": "user", "content": QUESTION}], "max_tokens": 64, "temperature": 0}
    status, answer = post(yard, "/v1/messages", {"model": "food-review", **body})
    assert status == 200
    assert answer["model"] == "food-review"
    assert answer["content"][0]["text"].strip() == ask(client, "food-review").strip()
    assert answer["usage"]["output_tokens"] > 0
    status, answer = post(yard, "/v1/messages", {"model": "no-such-model", **body})
    assert (status, answer["error"]["type"]) == (404, "not_found_error")


def test_tokens_are_counted_by_the_engine(yard: RunningYard) -> None:
    status, answer = post(yard, "/tokenize", {"model": "demo-llama", "prompt": "Hello, who are you?"})
    assert status == 200
    assert answer["count"] == len(answer["tokens"]) > 0
    status, back = post(yard, "/detokenize", {"model": "demo-llama", "tokens": answer["tokens"]})
    assert (status, back["prompt"]) == (200, "Hello, who are you?")


def test_errors_of_the_engine_pass_through(yard: RunningYard, client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as too_long:
        ask(client, "demo-llama", "word " * 5000)
    assert "2048" in too_long.value.message
    with pytest.raises(openai.BadRequestError):
        client.completions.create(model="demo-llama", prompt="Hello", temperature=-1)
    status, answer = post(yard, "/v1/embeddings", {"model": "demo-llama", "input": "Hello"})
    assert (status, answer) == (404, {"detail": "Not Found"})


def test_engine_control_is_not_reachable(yard: RunningYard) -> None:
    for path in ("/v1/load_lora_adapter", "/v1/unload_lora_adapter", "/sleep", "/collective_rpc", "/v1/../sleep"):
        status, answer = post(yard, path, {"model": "demo-llama", "lora_name": "x", "lora_path": "/"})
        assert (status, answer["error"]["code"]) == (404, "path_not_served"), path
