"""Ray Serve LLM with vLLM inside, on demo weights, through the gateway."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

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
      deployment_config:
        autoscaling_config: {min_replicas: 1, max_replicas: 1}
        max_ongoing_requests: 32
    ingress_deployment_config:
      autoscaling_config: {min_replicas: 1, max_replicas: 1}
"""


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayYard]:
    source = "google/gemma-2b-it=demo://demo-llama"
    running = RayYard(tmp_path_factory.mktemp("llm"), ray_service(CONFIG), "--source", source)
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
    assert yard.endpoints()[0]["models"] == ["gemma-2b-it"]


def test_what_was_changed_is_shown(yard: RayYard):
    (cluster,) = yard.clusters().values()
    settings = {item["setting"]: item["change"] for item in cluster["settings"]}
    assert "demo--demo-llama" in settings["gemma-2b-it: model_source"]
    assert settings["gemma-2b-it: accelerator_type"] == "dropped (was L4)"
