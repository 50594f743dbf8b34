from __future__ import annotations

import pytest

from modelyard.control.ray_adapter_findings import ray_adapter_findings
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.source_table import SourceTable

MANIFESTS = """
apiVersion: ray.io/v1
kind: RayService
metadata: {name: hello, annotations: {modelyard.dev/lora-adapters: mine}}
spec:
  serveConfigV2: |
    applications:
    - name: llm
      import_path: ray.serve.llm:build_openai_app
      args:
        llm_configs:
        - model_loading_config: {model_id: llama}
          lora_config: {dynamic_lora_loading_path: "s3://bkt/loras"}
          engine_kwargs: {enable_lora: true, max_loras: 2}
        - model_loading_config: {model_id: alpaca}
  rayClusterConfig:
    headGroupSpec: {template: {spec: {containers: [{name: head, image: ray}]}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: mine}
data:
  configmap.yaml: |
    vLLMLoRAConfig: {ensureExist: {models: [{id: a, source: o/a}, {id: b, source: o/b}]}}
"""


def found(old: str = "", new: str = "") -> list[tuple[str, str]]:
    """(check, message and advice)"""
    assert old in MANIFESTS
    loaded = load_documents(MANIFESTS.replace(old, new) if old else MANIFESTS, "test.yaml")
    assert not loaded.errors
    findings = ray_adapter_findings(ResourceSet.of(loaded.objects)[0], SourceTable())
    return [(one.check, f"{one.message} | {one.advice}") for one in findings]


def test_nothing_is_remarked_on_where_all_is_well() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("old", "new", "check", "said"),
    [
        ("lora-adapters: mine", "lora-adapters: yours", "adapter-config", "ConfigMap default/yours"),
        ("ensureExist:", "ensureExists:", "adapter-config", "ensureExists"),
        ("id: a,", "id: a, base-model: gemma,", "adapter-config", "a is for gemma, which is none of the models here"),
        ("enable_lora: true, ", "", "lora-enabled", "2 adapters are wanted on llama: a, b | its model was configured"),
        ("id: a,", "id: a, base-model: alpaca,", "lora-enabled", "dynamic_lora_loading_path"),
        ("max_loras: 2", "max_loras: 1", "lora-slots", "max_loras: 2 in engine_kwargs"),
    ],
)
def test_what_is_not_loaded_has_its_reason(old: str, new: str, check: str, said: str) -> None:
    assert any(name == check and said in text for name, text in found(old, new)), found(old, new)
