"""Why a replica was chosen, told before and checked against what then happens."""

from __future__ import annotations

import json
import random
from typing import Any

import openai

from .running_yard import ENGINE, RunningYard, until

pytestmark = ENGINE
POLICIES = {
    "queue-scorer",
    "kv-cache-utilization-scorer",
    "prefix-cache-scorer",
    "lora-affinity-scorer",
    "active-request-scorer",
}


def long_prompt() -> str:
    """Some hundred tokens that no replica has seen."""
    rng = random.Random()
    return " ".join(rng.choice(("river", "house", "table", "garden", "night", "paper")) for _ in range(400))


def candidates(explained: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By address."""
    return {row["endpoint"]: row for row in explained["why"]["candidates"]}


def score(row: dict[str, Any], policy: str) -> float:
    return next(float(item["score"]) for item in row["scores"] if item["policy"] == policy)


def ask(yard: RunningYard, model: str, prompt: str) -> tuple[str, int]:
    """The replica that answered, and how many prompt tokens its cache had."""
    client = openai.OpenAI(base_url=f"{yard.address}/v1", api_key="none", max_retries=0, timeout=60)
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": prompt}], max_tokens=4
    )
    usage = raw.parse().usage
    assert usage is not None
    details = usage.prompt_tokens_details
    return raw.headers["x-modelyard-endpoint"], (details.cached_tokens or 0) if details else 0


def test_both_replicas_are_shown_with_every_policys_score(yard: RunningYard) -> None:
    explained = yard.cli_json("explain", "--model", "food-review")
    assert explained["request"]["model"] == "food-review"
    assert explained["route"]["name"] == "default/demo-llama"
    assert explained["backend"] == "InferencePool/default/demo-llama"
    rows = candidates(explained)
    assert {row["name"] for row in rows.values()} == {"demo-llama-0", "demo-llama-1"}
    for row in rows.values():
        assert {item["policy"] for item in row["scores"]} == POLICIES
        assert all(0 <= item["score"] <= 1 for item in row["scores"])
        assert abs(row["total"] - sum(item["weight"] * item["score"] for item in row["scores"])) < 0.01
    assert rows[explained["pick"]]["total"] == max(row["total"] for row in rows.values())


def test_the_table_names_what_the_json_does(yard: RunningYard) -> None:
    text = yard.cli("explain", "--model", "demo-llama")
    for part in (*POLICIES, "demo-llama-0", "demo-llama-1", "TOTAL", "max-score-picker", "pick"):
        assert part in text


def test_the_admin_api_tells_the_same_and_counts_nothing(yard: RunningYard) -> None:
    body = {"model": "demo-alpaca", "messages": [{"role": "user", "content": "Hello"}]}
    explained = yard.admin("/api/explain", {"path": "/v1/chat/completions", "body": json.dumps(body)})
    assert list(candidates(explained)) == [explained["pick"]]
    assert yard.endpoints("demo-alpaca")["demo-alpaca-0"]["inFlight"] == 0


def test_a_refusal_is_explained_too(yard: RunningYard) -> None:
    explained = yard.cli_json("explain", "--model", "no-such-model")
    assert "pick" not in explained
    assert (explained["answer"]["status"], explained["answer"]["reason"]) == (404, "model_not_found")


def test_a_repeated_long_prompt_goes_where_its_prefix_is(yard: RunningYard) -> None:
    prompt = long_prompt()
    replica, cached = ask(yard, "demo-llama", prompt)
    assert cached == 0
    until(lambda: not yard.endpoints("demo-llama")["demo-llama-0"]["inFlight"], "no open request")
    explained = yard.cli_json("explain", "--model", "demo-llama", "--prompt", prompt)
    prefix = {address: score(row, "prefix-cache-scorer") for address, row in candidates(explained).items()}
    assert prefix.pop(replica) > 0.5
    assert set(prefix.values()) == {0.0}
    assert explained["pick"] == replica
    for _ in range(3):
        again, cached = ask(yard, "demo-llama", prompt)
        assert again == replica
        assert cached > 100
