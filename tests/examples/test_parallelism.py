"""One model on one GPU, on the GPUs of a node, and over nodes: the files differ only in what must differ."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from modelyard.control.findings import findings
from modelyard.control.not_used import not_used
from modelyard.manifests.reading import read_manifests
from modelyard.resources.resource_set import ResourceSet
from modelyard.snapshot import build_snapshot

FOLDER = Path(__file__).parents[2] / "examples/parallelism"
STRATEGIES = ["single-gpu", "tensor-parallel", "multi-node", "multi-node-ray"]


def resources(strategy: str, folder: Path = FOLDER) -> ResourceSet:
    read = read_manifests([FOLDER / "gateway.yaml", folder / f"{strategy}.yaml"])
    assert read.errors == ()
    return read.resource_set


def lines(strategy: str) -> list[str]:
    text = (FOLDER / f"{strategy}.yaml").read_text()
    return [line.strip() for line in text.splitlines() if not line.lstrip().startswith("#")]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_is_right_and_fits(strategy):
    found = resources(strategy)
    snapshot = build_snapshot(found)
    assert snapshot.problems == ()
    assert findings(found) == ()
    names = [name for name, _ in not_used(found)]
    assert names == (["LeaderWorkerSet default/llama"] if strategy == "multi-node" else [])


def changes(old: str, new: str) -> set[str]:
    return {one for one in difflib.ndiff(lines(old), lines(new)) if one[0] in "+-"}


def test_tensor_parallel_differs_in_its_size_and_gpus():
    assert changes("single-gpu", "tensor-parallel") == {
        "+ - --tensor-parallel-size=2",
        '- limits: {nvidia.com/gpu: "1"}',
        '+ limits: {nvidia.com/gpu: "2"}',
    }


def test_multi_node_adds_a_group_and_a_pipeline():
    """The leader is the tensor-parallel server with the flags of a group."""
    tensor, nodes = lines("tensor-parallel"), lines("multi-node")
    leader = nodes[: nodes.index("workerTemplate:")]
    container = tensor[tensor.index("containers:") :]
    extra = [one[2:] for one in difflib.ndiff(container, leader[leader.index("containers:") :]) if one[0] in "+-"]
    assert extra == [
        "- --pipeline-parallel-size=$(LWS_GROUP_SIZE)",
        "- --nnodes=$(LWS_GROUP_SIZE)",
        "- --node-rank=$(LWS_WORKER_INDEX)",
        "- --master-addr=$(LWS_LEADER_ADDRESS)",
    ]


@pytest.mark.parametrize(
    ("strategy", "old", "new", "check"),
    [
        ("single-gpu", "=16384", "=131072", "accelerator-memory"),
        ("tensor-parallel", "size=2", "size=4", "gpus-per-replica"),
        ("multi-node", "size: 2", "size: 4", ""),
        ("multi-node", 'gpu: "2"', 'gpu: "1"', "gpus-per-replica"),
        ("multi-node-ray", "pipeline_parallel_size: 2", "pipeline_parallel_size: 4", "ray-cluster-gpus"),
    ],
)
def test_a_change_that_does_not_fit_is_found(tmp_path, strategy, old, new, check):
    text = (FOLDER / f"{strategy}.yaml").read_text()
    assert old in text
    (tmp_path / f"{strategy}.yaml").write_text(text.replace(old, new))
    found = {one.check for one in findings(resources(strategy, tmp_path))}
    assert check in found if check else not found
