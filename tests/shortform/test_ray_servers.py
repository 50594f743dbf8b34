from __future__ import annotations

from typing import Any

import pytest
import yaml

from modelyard.local.ray.adjustments import RayHost, adjust
from modelyard.local.replica_plan import Machine
from modelyard.resources.ray_service import RayService
from modelyard.resources.serve_config import read_serve_config
from modelyard.shortform.cluster_notes import cluster_notes
from modelyard.shortform.expansion import expand, expanded
from modelyard.shortform.target import Manifest, Target

from .yards import FOLDER, yard

LLAMA = {"name": "my/Llama-3", "source": "org/llama", "engine": "ray-serve"}


def made(target: Target = Target.KUBERNETES, **model: Any) -> Manifest:
    manifests = expand(yard(models=[LLAMA | model]), target, FOLDER)
    (found,) = (one for one in manifests if one["kind"] == "RayService")
    assert not [one for one in manifests if one["kind"] in ("Deployment", "Service")]
    return found


def config(target: Target = Target.KUBERNETES, **model: Any) -> Manifest:
    (application,) = yaml.safe_load(made(target, **model)["spec"]["serveConfigV2"])["applications"]
    found: Manifest = application["args"]["llm_configs"][0]
    return found


def test_the_application_has_limits():
    found = config(replicas=3)
    assert found["model_loading_config"] == {"model_id": "my/Llama-3", "model_source": "org/llama"}
    assert found["deployment_config"]["max_ongoing_requests"] < 1e6
    assert found["deployment_config"]["num_replicas"] == 3


def test_arguments_become_keywords():
    args = ["--max-model-len=4096", "--enforce-eager", "--gpu-memory-utilization", "0.5", "--dtype=bfloat16"]
    assert config(args=args, gpus=2)["engine_kwargs"] == {
        "tensor_parallel_size": 2,
        "max_model_len": 4096,
        "enforce_eager": True,
        "gpu_memory_utilization": 0.5,
        "dtype": "bfloat16",
    }


@pytest.mark.parametrize(
    ("source", "here", "cluster"),
    [
        ("demo://demo-llama", "demo://demo-llama", "/models/demo-llama"),
        ("./w", f"{FOLDER}/w", "/weights/my-llama-3"),
        ("org/m@v1", "org/m@v1", "org/m@v1"),
        ("gs://bkt/m", "gs://bkt/m", "gs://bkt/m"),
    ],
)
def test_where_ray_finds_the_weights(source, here, cluster):
    assert config(Target.LOCAL, source=source)["model_loading_config"]["model_source"] == here
    assert config(Target.KUBERNETES, source=source)["model_loading_config"]["model_source"] == cluster
    worker = made(source=source)["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]["template"]["spec"]["containers"][0]
    assert bool(worker.get("volumeMounts")) == cluster.startswith("/")


def test_the_pool_finds_its_pods():
    manifests = expand(yard(models=[LLAMA]), Target.KUBERNETES, FOLDER)
    (pool,) = (one for one in manifests if one["kind"] == "InferencePool")
    cluster = made()["spec"]["rayClusterConfig"]
    wanted = pool["spec"]["selector"]["matchLabels"].items()
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        assert wanted <= group["template"]["metadata"]["labels"].items()


def test_it_loads():
    loaded = expanded(yard(models=[LLAMA | {"gpus": 0}]), FOLDER)
    assert loaded.errors == ()
    assert any(isinstance(one, RayService) for one in loaded.objects)


ADAPTERS = [{"name": "food", "source": "demo://food-review"}, {"name": "sql", "source": "./sql"}]


def test_adapters_come_from_a_bucket_that_modelyard_fills_here():
    found = config(Target.LOCAL, adapters=ADAPTERS)
    assert found["lora_config"] == {"dynamic_lora_loading_path": "s3://my-llama-3-adapters"}
    assert found["engine_kwargs"] == {"enable_lora": True, "max_loras": 4, "max_cpu_loras": 16}
    here = made(Target.LOCAL, adapters=ADAPTERS)
    name = here["metadata"]["annotations"]["modelyard.dev/lora-adapters"]
    manifests = expand(yard(models=[LLAMA | {"adapters": ADAPTERS}]), Target.LOCAL, FOLDER)
    (config_map,) = (one for one in manifests if one["kind"] == "ConfigMap" and one["metadata"]["name"] == name)
    written = yaml.safe_load(config_map["data"]["configmap.yaml"])["vLLMLoRAConfig"]
    sources = {item["id"]: item["source"] for item in written["ensureExist"]["models"]}
    assert sources == {"food": "demo://food-review", "sql": f"{FOLDER}/sql"}
    assert not [one for one in manifests if one["kind"] == "PersistentVolumeClaim"]


def test_on_a_cluster_adapters_stay_in_their_bucket_or_must_be_put_into_one():
    theirs = [{"name": name, "source": f"gs://bkt/loras/{name}"} for name in ("food", "sql")]
    assert config(adapters=theirs)["lora_config"] == {"dynamic_lora_loading_path": "gs://bkt/loras"}
    assert "annotations" not in made(adapters=theirs)["metadata"]
    notes = "\n".join(cluster_notes(yard(models=[LLAMA | {"adapters": ADAPTERS}])))
    assert "s3://my-llama-3-adapters/food/ must hold demo://food-review" in notes
    assert "my/Llama-3:food" in notes
    assert "must hold" not in "\n".join(cluster_notes(yard(models=[LLAMA | {"adapters": theirs}])))


def test_arguments_win_over_what_adapters_need():
    found = config(adapters=ADAPTERS, args=["--max-loras=2", "--max-lora-rank=32"])["engine_kwargs"]
    assert found == {"enable_lora": True, "max_loras": 2, "max_lora_rank": 32}


def test_several_nodes_share_the_model():
    found = config(gpus=4, nodes=2)
    assert found["engine_kwargs"] == {"tensor_parallel_size": 4, "pipeline_parallel_size": 2}
    assert found["placement_group_config"] == {"bundles": [{"GPU": 1, "CPU": 1}] * 8, "strategy": "PACK"}
    assert "placement_group_config" not in config(gpus=4)
    selector = {"nvidia.com/gpu.product": "NVIDIA-L4"}
    cluster = made(gpus=4, nodes=2, replicas=3, nodeSelector=selector)["spec"]["rayClusterConfig"]
    (group,) = cluster["workerGroupSpecs"]
    assert [group[name] for name in ("replicas", "minReplicas", "maxReplicas")] == [6, 6, 6]
    pod = group["template"]["spec"]
    assert pod["containers"][0]["resources"] == {"limits": {"nvidia.com/gpu": "4"}}
    assert pod["nodeSelector"] == selector
    assert "nodeSelector" not in cluster["headGroupSpec"]["template"]["spec"]


class AsWritten:
    """Files and code are taken from where the configuration says."""

    def of_model(self, source: str, model_id: str) -> None: ...

    def of_code(self, address: str) -> None: ...

    def of_text(self, text: str) -> None: ...


def test_here_the_sizes_of_several_nodes_are_changed_and_shown():
    (service,) = (
        one
        for one in expanded(yard(models=[LLAMA | {"gpus": 2, "nodes": 2}]), FOLDER).objects
        if isinstance(one, RayService)
    )
    machine = Machine(has_gpu=False, cores=2, memory_bytes=1 << 33, node_name="here", loopback_range=True)
    reading = read_serve_config(service.spec.serve_config_v2)
    adjusted = adjust(reading, RayHost(machine=machine), AsWritten())
    (model,) = adjusted.config["applications"][0]["args"]["llm_configs"]
    assert (model["engine_kwargs"]["tensor_parallel_size"], model["engine_kwargs"]["pipeline_parallel_size"]) == (1, 1)
    assert "placement_group_config" not in model
    shown = {one.setting.rpartition(" ")[2].rpartition(".")[2] for one in adjusted.settings}
    assert {"tensor_parallel_size", "pipeline_parallel_size", "placement_group_config"} <= shown
