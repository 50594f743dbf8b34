"""What is changed of a Serve configuration here, and what is not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import yaml

from modelyard.local.ray.adapter_bucket import AdapterBucket
from modelyard.local.ray.adjustments import AdjustedServeConfig, RayHost, adjust, gpus_asked, model_sources
from modelyard.local.replica_plan import Machine
from modelyard.resources.serve_config import read_serve_config

GIB = 1 << 30
MACHINE = Machine(has_gpu=False, cores=2, memory_bytes=32 * GIB, node_name="n", loopback_range=True)
TWO_REPLICAS = """
applications:
- name: llm_app
  route_prefix: "/"
  import_path: ray.serve.llm:build_openai_app
  args:
    llm_configs:
    - model_loading_config: {model_id: gemma-2b-it, model_source: google/gemma-2b-it}
      accelerator_type: L4
      log_engine_metrics: true
      engine_kwargs: {tensor_parallel_size: 2, gpu_memory_utilization: 0.8, max_model_len: 4096, seed: 3}
      deployment_config:
        autoscaling_config: {min_replicas: 2, max_replicas: 4}
        health_check_period_s: 600
        health_check_timeout_s: 300
"""
OWN_CODE = """
applications:
- name: own
  import_path: app.main:build
  args: {anything: [1, {deep: null}], num_gpus: 4}
  runtime_env:
    working_dir: ./app
    pip: [vllm==0.8.4, httpx==0.28.1, tabulate]
    env_vars: {ONE: "demo://demo-llama", LEVEL: "2"}
  deployments:
  - name: Model
    num_replicas: 2
    ray_actor_options: {num_cpus: 3, num_gpus: 1, resources: {slot: 1}}
"""


class Paths:
    def of_model(self, source: str, model_id: str) -> str | None:
        return f"/w/{source}" if source.startswith("google/") else None

    def of_code(self, address: str) -> str | None:
        return "/copy" if "known" in address else None

    def of_text(self, text: str) -> str | None:
        return f"/w/{text.removeprefix('demo://')}" if text.startswith("demo://") else None


def run(text: str, *, cores: int = 16, **host: Any) -> AdjustedServeConfig:
    reading = read_serve_config(text)
    assert not reading.faults
    machine = msgspec.structs.replace(MACHINE, cores=cores)
    return adjust(reading, RayHost(machine=machine, **host), Paths())


def changes(result: AdjustedServeConfig) -> dict[str, str]:
    return {row.setting.partition(": ")[2]: row.change for row in result.settings}


def model(result: AdjustedServeConfig) -> dict[str, Any]:
    found: dict[str, Any] = result.config["applications"][0]["args"]["llm_configs"][0]
    return found


def test_without_a_gpu() -> None:
    result = run(TWO_REPLICAS)
    written = model(result)
    assert "accelerator_type" not in written
    assert written["accelerator_config"] == {"kind": "cpu"}
    assert written["model_loading_config"]["model_source"] == "/w/google/gemma-2b-it"
    arguments = written["engine_kwargs"]
    assert arguments["tensor_parallel_size"] == 1
    assert arguments["enforce_eager"] is True
    assert "distributed_executor_backend" not in arguments, "Ray sets it itself"
    assert arguments["seed"] == 3
    assert "gpu_memory_utilization" not in arguments
    assert written["deployment_config"]["health_check_period_s"] == 10
    shown = changes(result)
    assert shown["accelerator_type"] == "dropped (was L4)"
    assert shown["engine_kwargs.tensor_parallel_size"] == "1 (was 2)"
    assert shown["model_source"] == "/w/google/gemma-2b-it (was google/gemma-2b-it)"
    assert all(row.reason for row in result.settings)


def test_with_gpus_enough_only_the_place_of_weights_changes() -> None:
    result = run(TWO_REPLICAS, gpus=4)
    assert [row.setting for row in result.settings] == [
        "gemma-2b-it: model_source",
        "gemma-2b-it: engine_kwargs.max_model_len",
    ]
    assert result.resources == {"accelerator_type:L4": 4.0}
    written = yaml.safe_load(TWO_REPLICAS)
    loading = written["applications"][0]["args"]["llm_configs"][0]
    loading["model_loading_config"]["model_source"] = "/w/google/gemma-2b-it"
    loading["engine_kwargs"]["max_model_len"] = -1
    assert result.config == written


@pytest.mark.parametrize(("gpus", "tensor"), [(3, 2), (2, 2), (1, 1)])
def test_with_fewer_gpus_replicas_go_first(gpus: int, tensor: int) -> None:
    written = model(run(TWO_REPLICAS, gpus=gpus))
    assert written["deployment_config"]["autoscaling_config"] == {"min_replicas": 1, "max_replicas": 1}
    assert written["engine_kwargs"]["tensor_parallel_size"] == tensor
    assert written["accelerator_type"] == "L4"


def test_more_models_than_gpus_share_them() -> None:
    two = yaml.safe_load(TWO_REPLICAS)
    configs = two["applications"][0]["args"]["llm_configs"]
    configs.append({**configs[0], "model_loading_config": {"model_id": "second"}})
    result = run(yaml.safe_dump(two), gpus=1)
    written = model(result)
    assert written["placement_group_config"] == {"bundle_per_worker": {"CPU": 1, "GPU": 0.5}}
    assert written["engine_kwargs"]["gpu_memory_utilization"] == 0.4


def test_memory_cuts_replicas_and_says_the_numbers() -> None:
    assert "autoscaling_config.min_replicas" not in changes(run(TWO_REPLICAS, memory_bytes=64 * GIB))
    result = run(TWO_REPLICAS, memory_bytes=4 * GIB)
    scaling = model(result)["deployment_config"]["autoscaling_config"]
    assert scaling == {"min_replicas": 1, "max_replicas": 1}
    row = next(row for row in result.settings if "min_replicas" in row.setting)
    assert "1.5 GiB" in row.reason
    held = model(run(TWO_REPLICAS, memory_bytes=14 * GIB))["deployment_config"]["autoscaling_config"]
    assert held == {"min_replicas": 2, "max_replicas": 3}


@pytest.mark.parametrize(("cores", "least", "most"), [(1, 1, 1), (2, 1, 1), (4, 2, 2), (8, 2, 4), (64, 2, 4)])
def test_cores_cut_replicas(cores, least, most):
    result = run(TWO_REPLICAS, cores=cores, memory_bytes=64 * GIB)
    assert model(result)["deployment_config"]["autoscaling_config"] == {"min_replicas": least, "max_replicas": most}
    assert any("cores serve one model" in row.reason for row in result.settings) == (cores < 8)
    assert "serve one model" not in str(run(TWO_REPLICAS, cores=1, gpus=4).settings)


def test_an_application_of_ones_own_keeps_its_arguments() -> None:
    result = run(OWN_CODE, packages={"httpx": "0.28.1", "vllm": "0.32.0"})
    app = result.config["applications"][0]
    assert app["args"] == {"anything": [1, {"deep": None}], "num_gpus": 4}
    assert app["runtime_env"]["pip"] == ["tabulate"]
    assert app["runtime_env"]["env_vars"] == {"ONE": "/w/demo-llama", "LEVEL": "2"}
    assert app["deployments"][0]["ray_actor_options"] == {"num_cpus": 3, "resources": {"slot": 1}}
    assert result.resources == {"slot": 1}
    assert result.logical_cpus >= 6


def test_gpus_asked_and_sources() -> None:
    reading = read_serve_config(TWO_REPLICAS)
    assert reading.config is not None
    assert gpus_asked(reading.config) == 4
    assert [(part.model_id, part.source) for part in model_sources(reading.config)] == [
        ("gemma-2b-it", "google/gemma-2b-it")
    ]


def test_a_second_pass_changes_nothing() -> None:
    once = run(TWO_REPLICAS, memory_bytes=4 * GIB)
    twice = run(yaml.safe_dump(dict(once.config)), memory_bytes=4 * GIB)
    assert twice.config == once.config
    assert not twice.settings


def test_code_that_moves_is_not_fetched() -> None:
    text = OWN_CODE.replace("./app", "https://example.com/a/b/archive/main.zip")
    with pytest.raises(ValueError, match="is not fetched here; say where a copy of it is: --source https"):
        run(text)
    copied = run(text.replace("/a/b/", "/a/known/"))
    assert copied.config["applications"][0]["runtime_env"]["working_dir"] == "/copy"
    fixed = OWN_CODE.replace("./app", f"https://example.com/a/b/archive/{'0a' * 20}.zip")
    assert run(fixed).config["applications"][0]["runtime_env"]["working_dir"].endswith(".zip")


WITH_ADAPTERS = """
applications:
- name: llm_app
  import_path: ray.serve.llm:build_openai_app
  args:
    llm_configs:
    - model_loading_config: {model_id: org/Gemma, model_source: google/gemma-2b-it}
      lora_config: {dynamic_lora_loading_path: "s3://theirs/loras", max_num_adapters_per_replica: 8}
      engine_kwargs: {enable_lora: true, max_loras: 2}
    - model_loading_config: {model_id: plain, model_source: google/other}
"""
BUCKET = AdapterBucket(
    path="pyarrow-s3://modelyard",
    environment={"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1", "AWS_SECRET_ACCESS_KEY": ""},
)


def test_adapters_come_from_the_bucket_of_this_machine() -> None:
    result = run(WITH_ADAPTERS, adapters=BUCKET.below("ns", "hello"))
    path = model(result)["lora_config"]["dynamic_lora_loading_path"]
    assert path.startswith("pyarrow-s3://modelyard/ns/hello/org-Gemma-")
    assert model(result)["lora_config"]["max_num_adapters_per_replica"] == 8
    application = result.config["applications"][0]
    assert application["runtime_env"]["env_vars"] == dict(BUCKET.environment)
    assert "lora_config" not in application["args"]["llm_configs"][1]
    shown = changes(result)
    assert shown["lora_config.dynamic_lora_loading_path"] == f"{path} (was s3://theirs/loras)"
    assert "added http://127.0.0.1:1" in shown["runtime_env.env_vars.AWS_ENDPOINT_URL_S3"]


def test_a_key_that_the_manifest_has_is_taken_away_and_not_shown() -> None:
    written = WITH_ADAPTERS.replace("  args:", "  runtime_env: {env_vars: {AWS_SECRET_ACCESS_KEY: geheim}}\n  args:", 1)
    result = run(written, adapters=BUCKET)
    variables = result.config["applications"][0]["runtime_env"]["env_vars"]
    assert variables["AWS_SECRET_ACCESS_KEY"] == ""
    assert changes(result)["runtime_env.env_vars"] == "AWS_SECRET_ACCESS_KEY: set to nothing"
    assert "geheim" not in str(result.settings)


def test_without_a_gpu_the_last_lora_slot_stays_empty() -> None:
    result = run(WITH_ADAPTERS)
    assert model(result)["engine_kwargs"]["max_loras"] == 16
    assert changes(result)["engine_kwargs.max_loras"] == "16 (was 2)"
    assert model(result)["lora_config"]["dynamic_lora_loading_path"] == "s3://theirs/loras"
    assert "max_loras" not in result.config["applications"][0]["args"]["llm_configs"][1]["engine_kwargs"]
    with_gpu = run(WITH_ADAPTERS, gpus=8)
    assert model(with_gpu)["engine_kwargs"]["max_loras"] == 2
