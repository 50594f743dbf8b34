"""A Yard with ``engine: ray-serve`` and adapters, on real Ray Serve LLM."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from modelyard.weights.demo.kinds import KIND_OF_MODEL, kind_of

from .ray_yard import RAY, RayYard, until

pytestmark = RAY

ONE = """
apiVersion: modelyard.dev/v1alpha1
kind: Yard
metadata: {name: rays}
spec:
  models:
  - name: llama
    source: "demo://demo-llama"
    engine: ray-serve
    adapters:
    - {name: food-review, source: "demo://food-review"}
"""
TWO = f'{ONE}    - {{name: sql-chat, source: "demo://sql-chat", criticality: Critical}}\n'
KINDS = {"llama": KIND_OF_MODEL["demo-llama"], "food-review": KIND_OF_MODEL["food-review"]}


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayYard]:
    running = RayYard(tmp_path_factory.mktemp("short"), ONE)
    (running.manifests / "gateway.yaml").unlink()
    try:
        running.start()
        print(f"\ncold start of the short form: {running.start_seconds:.1f} s")
        yield running
    finally:
        running.end()


@pytest.fixture
def client(yard: RayYard) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{yard.address}/v1", api_key="none", max_retries=0, timeout=120)


def kind(client: openai.OpenAI, model: str) -> str | None:
    answer = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "What is a replica?"}], max_tokens=48, temperature=0
    )
    assert answer.model == model
    return kind_of(answer.choices[0].message.content or "")


def test_it_is_ready_with_its_adapter(yard: RayYard, client: openai.OpenAI):
    """No wait: ``ready`` was said."""
    rows = yard.admin("/api/adapters")
    assert [(row["adapter"], row["loaded"]) for row in rows["adapters"]] == [("food-review", True)]
    assert rows["problems"] == []
    assert {name: kind(client, name) for name in KINDS} == KINDS
    assert {model.id for model in client.models.list()} == set(KINDS)


def test_the_bucket_that_ray_reads_answers_nobody_else(yard: RayYard):
    (cluster,) = yard.clusters().values()
    settings = {item["setting"]: item["change"] for item in cluster["settings"]}
    endpoint = settings["llama: runtime_env.env_vars.AWS_ENDPOINT_URL_S3"].removeprefix("added ")
    for path in ("/modelyard?list-type=2", "/modelyard/default/llama/llama"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(endpoint + path, timeout=30)  # noqa: S310 - our own bucket
        assert refused.value.code == 403


def test_an_adapter_that_is_added_is_loaded_without_a_new_cluster(yard: RayYard, client: openai.OpenAI):
    before = list(yard.clusters())

    def loaded() -> dict[str, Any]:
        return {row["adapter"]: row["loaded"] for row in yard.admin("/api/adapters")["adapters"]}

    yard.write(TWO)
    until(lambda: loaded() == {"food-review": True, "sql-chat": True}, "the new adapter", 90)
    assert kind(client, "sql-chat") == KIND_OF_MODEL["sql-chat"]
    assert kind(client, "food-review") == KINDS["food-review"]
    assert list(yard.clusters()) == before
    yard.write(ONE)
    until(lambda: loaded() == {"food-review": True}, "one adapter less", 60)
    with pytest.raises(openai.NotFoundError):
        kind(client, "sql-chat")


def test_what_is_not_wanted_any_more_is_off_the_shelf(yard: RayYard):
    shelf = Path(yard.home, "ray-adapters", "default", "llama", "llama")
    until(lambda: [place.name.partition("@")[0] for place in shelf.iterdir()] == ["food-review"], "one version", 30)
