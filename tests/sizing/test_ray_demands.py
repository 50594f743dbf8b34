from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.resources.loading import load_documents
from modelyard.resources.ray_service import RayService
from modelyard.sizing.gpu_findings import gpu_findings
from modelyard.sizing.memory_findings import memory_findings
from modelyard.sizing.model_shapes import shape_of
from modelyard.sizing.ray_demands import ray_cluster_findings, ray_demands

EXAMPLE = (Path(__file__).parents[2] / "examples/parallelism/multi-node-ray.yaml").read_text()


def service(*changes: tuple[str, str]) -> RayService:
    text = EXAMPLE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    loaded = load_documents(text, "f.yaml")
    assert loaded.errors == ()
    (found,) = loaded.objects
    assert isinstance(found, RayService)
    return found


def messages(found: RayService) -> str:
    demands = list(ray_demands(found))
    findings = [one for demand in demands for one in gpu_findings(demand)]
    findings += [one for demand in demands for one in memory_findings(demand, shape_of(demand.model))]
    return " ".join(f"{one.message} {one.advice}" for one in [*findings, *ray_cluster_findings(found)])


def test_the_example_fits():
    (demand,) = ray_demands(service())
    assert (demand.world_size, demand.gpus, demand.accelerator.name) == (4, 4, "NVIDIA L4")
    assert (demand.model, demand.max_model_len) == ("meta-llama/Llama-3.1-8B-Instruct", 16384)
    assert messages(service()) == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            [("tensor_parallel_size: 2", "tensor_parallel_size: 4")],
            "8 GPUs (tensor 4 x pipeline 2) and is given 4",
        ),
        ([("num_replicas: 1", "num_replicas: 2")], "take 8 GPUs at least"),
        (
            [
                ("maxReplicas: 2", "maxReplicas: 1"),
                ("minReplicas: 2", "minReplicas: 1"),
                ("replicas: 2", "replicas: 1"),
            ],
            "worker groups have 2 at most",
        ),
        ([("Llama-3.1-8B", "Llama-3.1-405B")], "it will not start"),
        ([("max_model_len: 16384", "max_model_len: 9000000")], "--max-model-len="),
    ],
)
def test_what_does_not_fit(changes, words):
    assert words in messages(service(*changes))


def test_without_ray_s_name_the_node_selector_says_which_accelerator():
    unnamed = ("              accelerator_type: L4\n", "")
    (demand,) = ray_demands(service(unnamed))
    assert (demand.accelerator.name, demand.accelerator_label) == ("NVIDIA L4", "nvidia-l4")
    assert "refuses to start" in messages(service(unnamed, ("max_model_len: 16384", "max_model_len: 9000000")))
    assert "'nvidia-l5' is not one that is known here" in messages(service(unnamed, ("nvidia-l4", "nvidia-l5")))


def test_on_a_cpu_nothing_is_asked():
    assert list(ray_demands(service(("accelerator_type: L4", "accelerator_config: {kind: cpu}")))) == []
