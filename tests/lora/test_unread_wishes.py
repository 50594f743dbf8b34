from __future__ import annotations

from modelyard.lora.unread_wishes import unread_wishes, unserved_targets
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.source_table import SourceTable

CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: adapters}
data:
  configmap.yaml: |
    vLLMLoRAConfig: {ensureExist: {models: [{id: food, source: o/a}]}}
"""
DEPLOYMENT = """
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: llama}
spec:
  selector: {matchLabels: {app: llama}}
  template:
    metadata: {labels: {app: llama}}
    spec:
      initContainers:
      - {name: syncer, image: lora-syncer, volumeMounts: [{name: config, mountPath: /config}]}
      containers: [{name: vllm, image: vllm/vllm-openai, args: [--model=llama]}]
      volumes: [{name: config, configMap: {name: adapters}}]
"""
RAY = """
---
apiVersion: ray.io/v1
kind: RayService
metadata: {name: hello, annotations: {modelyard.dev/lora-adapters: adapters}}
spec:
  serveConfigV2: |
    applications: [{name: mine, import_path: "app:build"}]
  rayClusterConfig:
    headGroupSpec: {template: {spec: {containers: [{name: head, image: ray}]}}}
"""
MODEL = """
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: pool}
spec:
  selector: {matchLabels: {app: llama}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: picker, port: {number: 9002}}
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: model}
spec:
  modelName: chat
  poolRef: {name: pool}
  targetModels: [{name: food, weight: 1}, {name: llama, weight: 1}, {name: sql, weight: 1}]
"""
KEY = ("default", "llama")


def resources(text: str) -> ResourceSet:
    loaded = load_documents(text, "test.yaml")
    assert not loaded.errors
    return ResourceSet.of(loaded.objects)[0]


def test_a_configuration_that_nothing_reads_is_told() -> None:
    (found,) = unread_wishes(resources(CONFIG))
    assert (found.object, found.check) == ("ConfigMap default/adapters", "adapter-config-unread")
    assert "modelyard.dev/lora-adapters: adapters" in found.advice
    assert list(unread_wishes(resources(CONFIG + DEPLOYMENT))) == []
    assert list(unread_wishes(resources(CONFIG.replace("vLLMLoRAConfig", "other")))) == []


def test_an_annotation_on_a_service_without_models_is_told() -> None:
    (found,) = unread_wishes(resources(CONFIG + RAY))
    assert (found.object, found.check) == ("RayService default/hello", "adapter-config")


def test_a_target_that_no_server_has_and_no_source_stands_for_is_told() -> None:
    there = resources(CONFIG + DEPLOYMENT + MODEL)
    (found,) = unserved_targets(there, {KEY: ["llama"]}, SourceTable())
    assert found.object == "InferenceModel default/model"
    assert "'sql'" in found.message
    assert "--source sql=WHERE; else name one of food, llama" in found.advice
    assert not list(unserved_targets(there, {KEY: ["llama"]}, SourceTable(entries={"sql": "demo://sql-chat"})))
    assert not list(unserved_targets(there, {KEY: ["llama", "sql"]}, SourceTable()))
    assert not list(unserved_targets(there, {KEY: None}, SourceTable())), "what it serves is not known"
