"""What a Yard asks of GPUs is that of what it stands for on a cluster."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modelyard.control.findings import findings
from modelyard.manifests.reading import read_manifests
from modelyard.resources.finding import Finding

LLAMA = {"name": "llama", "source": "meta-llama/Llama-3.1-70B-Instruct", "args": ["--max-model-len=8192"]}
L4 = {"cloud.google.com/gke-accelerator": "nvidia-l4"}


def found(tmp_path, machine_gpus: int = 0, **model: Any) -> list[Finding]:
    spec = {"models": [LLAMA | {"nodeSelector": L4, "gpus": 8, "nodes": 2} | model]}
    value = {"apiVersion": "modelyard.dev/v1alpha1", "kind": "Yard", "metadata": {"name": "y"}, "spec": spec}
    (tmp_path / "yard.json").write_text(json.dumps(value))
    read = read_manifests([tmp_path])
    assert read.errors == ()
    return list(findings(read.resource_set, machine_gpus=machine_gpus))


@pytest.mark.parametrize("engine", ["vllm", "ray-serve"])
def test_what_fits_is_not_remarked_upon(tmp_path, engine):
    assert found(tmp_path, engine=engine) == []
    assert found(tmp_path, engine=engine, nodeSelector={}) == []
    assert found(tmp_path, engine=engine, machine_gpus=16) == []


@pytest.mark.parametrize(
    ("change", "check", "words"),
    [
        ({"gpus": 16, "nodes": 1}, "gpus-per-replica", "has 8 at most: it stays Pending"),
        ({"gpus": 2}, "accelerator-memory", "it will not start"),
        ({"engine": "ray-serve", "gpus": 2}, "accelerator-memory", "it will not start"),
        ({"args": ["--max-model-len=9000000"]}, "accelerator-memory", "less than one sequence"),
        ({"args": ["-pp=1", "--max-model-len=2048"]}, "gpus-per-replica", "8 would stand idle"),
        ({"machine_gpus": 1}, "gpus-per-replica", "uses 16 GPUs (tensor 8 x pipeline 2) and this machine has 1"),
        ({"engine": "ray-serve", "machine_gpus": 1}, "gpus-per-replica", "this machine has 1"),
    ],
)
def test_what_does_not_fit(tmp_path, change, check, words):
    assert any(one.check == check and words in one.message for one in found(tmp_path, **change))
