"""Ray Serve LLM with vLLM inside, on demo weights, through the gateway."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import openai
import pytest

from modelyard.weights.demo.kinds import KIND_OF_MODEL, kind_of

from .ray_yard import RAY, RayYard, ray_service, until

pytestmark = RAY

CONFIG = """
applications:
- name: llm_app
  route_prefix: /
  import_path: ray.serve.llm:build_openai_app
  args:
    llm_configs:
    - model_loading_config:
        model_id: gemma-2b-it
        model_source: google/gemma-2b-it
      accelerator_type: L4
      log_engine_metrics: true
      lora_config: {dynamic_lora_loading_path: "s3://no-such-bucket/adapters"}
      engine_kwargs: {enable_lora: true, max_lora_rank: 16}
      deployment_config:
        autoscaling_config: {min_replicas: 1, max_replicas: 1}
        max_ongoing_requests: 32
    ingress_deployment_config:
      autoscaling_config: {min_replicas: 1, max_replicas: 1}
"""

ANNOTATED = "metadata: {name: hello, annotations: {modelyard.dev/lora-adapters: hello-adapters}}"
ADAPTERS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: hello-adapters}
data:
  configmap.yaml: |
    vLLMLoRAConfig:
      ensureExist:
        models:
"""
POOL = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front}
spec:
  gatewayClassName: modelyard
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: all}
spec:
  parentRefs: [{name: front}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /v1}}]
    backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: hello}]
  - backendRefs: [{name: hello-serve-svc, port: 8000}]
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: hello}
spec:
  selector: {matchLabels: {ray.io/serve: "true"}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: picker, port: {number: 9002}}
"""
"""A pool, since names of adapters are put into requests where an endpoint is picked by them."""
BOTH = {"food-review": "demo://food-review", "sql-chat": "demo://sql-chat"}
QUESTION = "What is a replica?"


def write_adapters(yard: RayYard, adapters: Mapping[str, str]) -> None:
    """Change the ConfigMap in one step."""
    rows = "".join(f"        - {{id: {name}, source: '{source}'}}\n" for name, source in adapters.items())
    draft = yard.manifests / "adapters.new"
    draft.write_text(ADAPTERS + rows)
    draft.replace(yard.manifests / "adapters.yaml")


def adapter_rows(yard: RayYard) -> dict[str, dict[str, Any]]:
    return {row["adapter"]: row for row in yard.admin("/api/adapters")["adapters"]}


def are_loaded(yard: RayYard, adapters: Mapping[str, str]) -> bool:
    """Whether these are there from these sources, and no others."""
    rows = adapter_rows(yard)
    return {name: row["source"] for name, row in rows.items() if row["loaded"]} == adapters and len(rows) == len(
        adapters
    )


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayYard]:
    source = "google/gemma-2b-it=demo://demo-llama"
    service = ray_service(CONFIG).replace("metadata: {name: hello}", ANNOTATED)
    running = RayYard(tmp_path_factory.mktemp("llm"), service, "--source", source)
    (running.manifests / "gateway.yaml").write_text(POOL)
    write_adapters(running, BOTH)
    try:
        running.start()
        print(f"\ncold start with vLLM: {running.start_seconds:.1f} s")
        yield running
    finally:
        running.end()


@pytest.fixture
def client(yard: RayYard) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{yard.address}/v1", api_key="none", max_retries=0, timeout=120)


def test_a_stream_comes_through_the_gateway(client: openai.OpenAI):
    stream = client.chat.completions.create(
        model="gemma-2b-it",
        messages=[{"role": "user", "content": "What is a replica?"}],
        max_tokens=24,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.strip()
    assert chunks[-1].usage is not None
    assert 0 < chunks[-1].usage.completion_tokens <= 24
    print(f"\n{text!r}")


def test_its_model_is_listed(client: openai.OpenAI):
    assert "gemma-2b-it" in [model.id for model in client.models.list()]


def test_an_unknown_model_is_an_error(client: openai.OpenAI):
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="nobody", messages=[{"role": "user", "content": "?"}])


def test_the_load_of_vllm_inside_ray_is_read(yard: RayYard):
    """The block size is only in vLLM's own metrics."""
    until(lambda: (yard.endpoints()[0]["load"] or {}).get("kvUsage") is not None, "the engine's load", 90)
    assert "gemma-2b-it" in yard.endpoints()[0]["models"]


def test_what_was_changed_is_shown(yard: RayYard):
    (cluster,) = yard.clusters().values()
    settings = {item["setting"]: item["change"] for item in cluster["settings"]}
    assert "demo--demo-llama" in settings["gemma-2b-it: model_source"]
    assert settings["gemma-2b-it: accelerator_type"] == "dropped (was L4)"


def says(client: openai.OpenAI, model: str, question: str = QUESTION, *, stream: bool = False) -> str:
    """What a model says; it must come under the name that was asked for."""
    asked: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": question}],
        "max_tokens": 48,
        "temperature": 0,
    }
    if not stream:
        answer = client.chat.completions.create(**asked)
        assert answer.model == model
        return answer.choices[0].message.content or ""
    chunks = list(client.chat.completions.create(stream=True, **asked))
    assert {chunk.model for chunk in chunks} == {model}
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def kind(client: openai.OpenAI, model: str, *, stream: bool = False) -> str | None:
    return kind_of(says(client, model, stream=stream))


BASE = "gemma-2b-it"


def test_base_and_adapters_answer_as_themselves(yard: RayYard, client: openai.OpenAI):
    took = until(lambda: are_loaded(yard, BOTH), "both adapters", 180)
    print(f"\nadapters loaded after {took:.1f} s: {adapter_rows(yard)}")
    for stream in (False, True):
        found = {model: kind(client, model, stream=stream) for model in (BASE, *BOTH)}
        assert found == {BASE: KIND_OF_MODEL["demo-llama"], **{name: KIND_OF_MODEL[name] for name in BOTH}}
    assert {model.id for model in client.models.list()} == {BASE, *BOTH}


def test_models_that_are_asked_at_once_keep_their_weights(yard: RayYard, client: openai.OpenAI):
    """A batch with and without adapters."""
    found: list[tuple[str, str | None]] = []
    asking = [
        threading.Thread(target=lambda name=name: found.append((name, kind(client, name, stream=True))))
        for name in (BASE, *BOTH) * 3
    ]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    wanted = {BASE: KIND_OF_MODEL["demo-llama"], **{name: KIND_OF_MODEL[name] for name in BOTH}}
    assert sorted(found, key=str) == sorted(((name, wanted[name]) for name in (BASE, *BOTH) * 3), key=str)


def test_a_replaced_version_answers_as_itself(yard: RayYard, client: openai.OpenAI):
    before = adapter_rows(yard)["food-review"]["engine_name"]
    replaced = {**BOTH, "food-review": "demo://sql-chat"}
    write_adapters(yard, replaced)
    took = until(lambda: are_loaded(yard, replaced), "the new version", 60)
    print(f"\nreplaced after {took:.1f} s")
    assert adapter_rows(yard)["food-review"]["engine_name"] != before
    assert kind(client, "food-review") == kind(client, "food-review", stream=True) == KIND_OF_MODEL["sql-chat"]
    write_adapters(yard, {"sql-chat": BOTH["sql-chat"]})
    until(lambda: are_loaded(yard, {"sql-chat": BOTH["sql-chat"]}), "one adapter less", 60)
    with pytest.raises(openai.NotFoundError):
        says(client, "food-review")
    write_adapters(yard, BOTH)
    until(lambda: are_loaded(yard, BOTH), "the first version again", 60)
    assert kind(client, "food-review") == KIND_OF_MODEL["food-review"]


def test_what_ray_cannot_take_is_refused_before_it_is_asked(yard: RayYard, tmp_path: Path):
    write_adapters(yard, {**BOTH, "none": str(tmp_path / "nowhere")})
    until(lambda: adapter_rows(yard).get("none", {}).get("reason") == "SourceUnavailable", "its condition", 30)
    write_adapters(yard, BOTH)
    until(lambda: are_loaded(yard, BOTH), "nothing else", 30)
