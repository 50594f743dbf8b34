from __future__ import annotations

import pytest

from modelyard.control.adapter_findings import adapter_findings
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet

MANIFESTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: llama}
spec:
  selector: {matchLabels: {app: llama}}
  template:
    metadata: {labels: {app: llama}}
    spec:
      initContainers:
      - name: syncer
        image: registry/lora-syncer:v1
        imagePullPolicy: Always
        volumeMounts: [{name: config, mountPath: /config}]
      containers:
      - name: vllm
        image: vllm/vllm-openai:v1
        args: [--model=$(MODEL), --port=8000, --enable-lora, --max-loras=2]
        env:
        - {name: MODEL, value: org/llama}
        - {name: VLLM_ALLOW_RUNTIME_LORA_UPDATING, value: "true"}
      volumes:
      - {name: config, configMap: {name: adapters}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: adapters}
data:
  configmap.yaml: |
    vLLMLoRAConfig:
      port: 8000
      defaultBaseModel: org/llama
      ensureExist: {models: [{id: a, source: o/a}, {id: b, source: o/b}]}
"""


def checks(old: str = "", new: str = "") -> dict[str, str]:
    """Check -> advice."""
    assert old in MANIFESTS
    loaded = load_documents(MANIFESTS.replace(old, new) if old else MANIFESTS, "test.yaml")
    assert not loaded.errors
    return {one.check: one.advice for one in adapter_findings(ResourceSet.of(loaded.objects)[0])}


def test_nothing_is_remarked_on_where_all_is_well() -> None:
    assert checks() == {}


@pytest.mark.parametrize(
    ("old", "new", "check", "advice"),
    [
        ("defaultBaseModel: org/llama", "defaultBaseModel: org/lama", "base-model-served", "write org/llama"),
        ("source: o/a}", "source: o/a, base-model: x}", "base-model-served", "write org/llama"),
        (", --enable-lora", "", "lora-enabled", "--enable-lora"),
        ('value: "true"', 'value: "0"', "lora-runtime-updating", "VLLM_ALLOW_RUNTIME_LORA_UPDATING=true"),
        (", --max-loras=2", "", "lora-slots", "--max-loras=2"),
        ("--max-loras=2", "--max-cpu-loras=9", "lora-slots", "--max-loras=2"),
        ("      port: 8000", "      port: 8001", "adapter-port", "port: 8000"),
        ("id: a,", "id: org/llama,", "adapter-name", "another id"),
        ("lora-syncer:v1", "lora-syncer:main", "image-not-pinned", "digest"),
        ("mountPath: /config", "mountPath: /config, subPath: x", "adapter-config-mount", "without subPath"),
        ("ensureExist:", "ensureExists:", "adapter-config", "correct the ConfigMap"),
    ],
)
def test_what_bites_is_remarked_on_with_what_to_set(old: str, new: str, check: str, advice: str) -> None:
    assert advice in checks(old, new)[check]


def test_wishes_that_reach_no_server_are_remarked_on() -> None:
    mount = "configMap: {name: adapters}"
    assert "lora-adapters: adapters" in checks(mount, mount.replace("adapters", "others"))["adapter-config-unread"]


def test_adapters_that_a_server_has_from_its_start_are_served() -> None:
    model = """
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: pool}
spec:
  selector: {matchLabels: {app: llama}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: p, port: {number: 9}}
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: model}
spec: {modelName: chat, poolRef: {name: pool}, targetModels: [{name: x, weight: 1}, {name: "y", weight: 1}]}
"""
    end = "      ensureExist: {models: [{id: a, source: o/a}, {id: b, source: o/b}]}\n"
    assert "--source y=WHERE" in checks(end, end + model)["inference-model-unserved"]
    given = """--max-loras=2, --lora-modules, x=/x, '{"name": "y", "path": "/y"}']"""
    loaded = load_documents(MANIFESTS.replace("--max-loras=2]", given) + model, "test.yaml")
    assert not loaded.errors
    assert list(adapter_findings(ResourceSet.of(loaded.objects)[0])) == []
