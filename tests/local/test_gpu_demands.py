from __future__ import annotations

import pytest

from modelyard.local.gpu_demands import gpu_demands
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet


def demands(text):
    loaded = load_documents(text.encode(), source="f.yaml")
    resources, errors = ResourceSet.of(loaded.objects)
    assert not loaded.errors
    assert not errors
    return list(gpu_demands(resources))


POD = """
        nodeSelector: {{cloud.google.com/gke-accelerator: nvidia-l4}}
        containers:
        - name: server
          image: vllm/vllm-openai:v0.32.0
          {what}
          env: [{{name: MODEL, value: acme/chat-7B}}]
          resources: {{limits: {{nvidia.com/gpu: "2"}}}}
"""


def deployment(what):
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: d}}
spec:
  selector: {{matchLabels: {{app: d}}}}
  template:
    metadata: {{labels: {{app: d}}}}
    spec:{POD.format(what=what)}"""


@pytest.mark.parametrize(
    "what",
    [
        "args: [--model=$(MODEL), --tensor-parallel-size=2, --max-model-len=8k]",
        "args: [$(MODEL), -tp, '2', --max-model-len, '8000']",
        "command: [vllm, serve, $(MODEL), -tp=2, --max_model_len=8000]",
        'command: [sh, -c, "ulimit -n 9999; exec vllm serve acme/chat-7B -tp 2 --max-model-len 8000 && true"]',
    ],
)
def test_deployments(what):
    (found,) = demands(deployment(what))
    assert found.object == "Deployment default/d"
    assert (found.model, found.gpus_per_pod, found.pods) == ("acme/chat-7B", 2, 1)
    assert (found.tensor_parallel, found.max_model_len, found.accelerator.name) == (2, 8000, "NVIDIA L4")


def test_other_programs_ask_for_nothing_here():
    assert demands(deployment("command: [nginx]")) == []


def test_leader_worker_sets():
    (found,) = demands(f"""
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {{name: g, namespace: models}}
spec:
  leaderWorkerTemplate:
    size: 2
    workerTemplate:
      spec:{POD.format(what="args: [--model=$(MODEL), -tp=2, -pp=$(LWS_GROUP_SIZE)]")}""")
    assert found.object == "LeaderWorkerSet models/g"
    assert (found.pods, found.gpus, found.world_size) == (2, 4, 4)


@pytest.mark.parametrize("size", ["two", "-1", "9" * 30, "2.5", ""])
def test_nonsense_counts_as_not_given(size):
    (found,) = demands(deployment(f"args: [--model=m, '--tensor-parallel-size={size}', '--max-model-len={size}x']"))
    assert (found.tensor_parallel, found.max_model_len) == (1, 0)
