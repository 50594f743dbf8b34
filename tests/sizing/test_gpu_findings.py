from __future__ import annotations

import pytest

from modelyard.sizing.accelerators import selected_accelerator
from modelyard.sizing.demand import ReplicaDemand
from modelyard.sizing.gpu_findings import gpu_findings


def accelerator(gke):
    return selected_accelerator({"cloud.google.com/gke-accelerator": gke})[0]


def demand(**changes):
    given = {"object": "Deployment default/d", "model": "m", "gpus_per_pod": 1, "accelerator": accelerator("nvidia-l4")}
    return ReplicaDemand(**(given | changes))


def messages(demand, **machine):
    return [f"{one.message} => {one.advice}" for one in gpu_findings(demand, **machine)]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"gpus_per_pod": 2, "tensor_parallel": 2},
        {"gpus_per_pod": 8, "tensor_parallel": 4, "data_parallel": 2},
        {"gpus_per_pod": 8, "pods": 2, "tensor_parallel": 8, "pipeline_parallel": 2},
        {"gpus_per_pod": 0, "tensor_parallel": 2, "pipeline_parallel": 2, "tells_gpus": False, "spans_nodes": True},
        {"gpus_per_pod": 16, "tensor_parallel": 8, "pipeline_parallel": 2, "spans_nodes": True},
    ],
)
def test_what_fits_is_not_remarked_on(changes):
    assert messages(demand(**changes)) == []
    assert messages(demand(**changes), machine_gpus=16) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gpus_per_pod": 1, "tensor_parallel": 2}, ["needs 2 GPUs (tensor 2)", "given 1", 'gpu"] to 2']),
        ({"gpus_per_pod": 0, "tensor_parallel": 4}, ["ask for none", "to 4 in each Pod"]),
        ({"gpus_per_pod": 4}, ["is given 4", "uses 1", "3 would stand idle", "--tensor-parallel-size=4"]),
        ({"gpus_per_pod": 16, "tensor_parallel": 16}, ["asks for 16", "8 at most", "Pending"]),
        ({"gpus_per_pod": 3, "tensor_parallel": 3}, ["one of 4 is taken and 1 stay unused", "ask for 4, or for 2"]),
        (
            {"gpus_per_pod": 8, "pods": 2, "tensor_parallel": 8},
            ["16 (2 Pods of 8)", "uses 8 (tensor 8)", "--pipeline-parallel-size=2"],
        ),
        ({"accelerator": None, "accelerator_label": "nvidia-l5"}, ["'nvidia-l5' is not one", "nvidia-l4"]),
    ],
)
def test_findings(changes, words):
    found = " ".join(messages(demand(**changes)))
    assert all(word in found for word in words), found


def test_this_machine():
    two = demand(gpus_per_pod=2, tensor_parallel=2)
    assert "this machine has 1" in messages(two, machine_gpus=1)[0]
    assert messages(two, machine_gpus=2) == []
