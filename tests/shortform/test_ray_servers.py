from __future__ import annotations

from typing import Any

import pytest
import yaml

from modelyard.resources.ray_service import RayService
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
