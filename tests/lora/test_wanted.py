from __future__ import annotations

from collections.abc import Sequence

import pytest

from modelyard.lora.lora_config import Wanted
from modelyard.lora.slots import SlotPolicy
from modelyard.lora.wanted import DeploymentAdapters, deployment_adapters, same_port
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.source_table import SourceTable

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: llama}
spec:
  selector: {matchLabels: {app: llama}}
  template:
    metadata: {labels: {app: llama}}
    spec:
      initContainers:
      - name: lora-adapter-syncer
        image: registry/lora-syncer:main
        restartPolicy: Always
        env: [{name: DYNAMIC_LORA_ROLLOUT_CONFIG, value: /config/configmap.yaml}]
        volumeMounts: [{name: config-volume, mountPath: /config}]
      containers:
      - {name: vllm, image: "vllm/vllm-openai:v1", args: [--model=m, --enable-lora]}
      volumes:
      - name: config-volume
        configMap: {name: adapters}
"""
CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: adapters, annotations: {modelyard.dev/lora-slots: evict}}
data:
  configmap.yaml: |
    vLLMLoRAConfig:
      port: 8000
      defaultBaseModel: m
      ensureExist: {models: [{id: food, source: org/food}]}
      ensureNotExist: {models: [{id: old, source: org/old}]}
"""
MODEL = """
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferencePool
metadata: {name: pool}
spec: {selector: {app: llama}, targetPortNumber: 8000}
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: food}
spec:
  modelName: public
  poolRef: {name: pool}
  targetModels: [{name: food, weight: 1}, {name: sql, weight: 1}, {name: m, weight: 1}]
"""


def wanted(*texts: str, sources: dict[str, str] | None = None, base: Sequence[str] = ("m",)) -> DeploymentAdapters:
    loaded = load_documents("---\n".join(texts), source="test.yaml")
    assert not loaded.errors
    resources, _ = ResourceSet.of(loaded.objects)
    (deployment,) = resources.deployments.values()
    return deployment_adapters(resources, deployment, SourceTable(entries=sources or {}), frozenset(base))


def test_the_config_map_that_the_syncer_mounts() -> None:
    found = wanted(DEPLOYMENT, CONFIG_MAP)
    assert found == DeploymentAdapters(
        want=(Wanted(name="food", source="org/food", origin="ConfigMap default/adapters"),),
        absent=frozenset({"old"}),
        policy=SlotPolicy.EVICT,
        config_map="default/adapters",
        default_base_model="m",
        port=8000,
    )
    assert same_port(found, 8000)
    assert not same_port(found, 8001)


def test_without_a_syncer_nothing_is_wanted() -> None:
    assert wanted(DEPLOYMENT.replace("lora-syncer", "nginx"), CONFIG_MAP) == DeploymentAdapters()


def test_our_own_command_and_another_place_of_the_file() -> None:
    own = DEPLOYMENT.replace(
        "image: registry/lora-syncer:main", "image: x\n        command: [modelyard, lora-sync, --config, /etc/a/b.yaml]"
    ).replace("mountPath: /config", "mountPath: /etc/a")
    items = own.replace("{name: adapters}", "{name: adapters, items: [{key: configmap.yaml, path: b.yaml}]}")
    assert [one.name for one in wanted(items, CONFIG_MAP).want] == ["food"]
    assert "no key b.yaml" in wanted(own, CONFIG_MAP).problems[0]


@pytest.mark.parametrize(
    ("deployment", "config_map", "says"),
    [
        (DEPLOYMENT, "", "is in no manifest"),
        (DEPLOYMENT.replace("mountPath: /config", "mountPath: /other"), CONFIG_MAP, "no volume with a ConfigMap"),
        (DEPLOYMENT, CONFIG_MAP.replace("vLLMLoRAConfig", "vllmLoraConfig"), "vllmLoraConfig"),
        (DEPLOYMENT, CONFIG_MAP.replace("configmap.yaml", "config.yaml"), "no key configmap.yaml"),
    ],
)
def test_what_cannot_be_read_is_told(deployment: str, config_map: str, says: str) -> None:
    found = wanted(deployment, config_map) if config_map else wanted(deployment)
    assert found.unreadable
    assert says in found.problems[0]


def test_another_machines_server_and_a_wrong_annotation_are_told() -> None:
    elsewhere = wanted(DEPLOYMENT, CONFIG_MAP.replace("port: 8000", "host: other.example"))
    assert (elsewhere.want, "other.example" in elsewhere.problems[0]) == ((), True)
    assert "write swap, evict or strict" in wanted(DEPLOYMENT, CONFIG_MAP.replace("evict", "none")).problems[0]


def test_target_models_with_a_source_of_their_own_are_wanted_too() -> None:
    sources = {"food": "demo://other", "sql": "demo://sql-chat", "m": "demo://demo-llama"}
    found = wanted(DEPLOYMENT, CONFIG_MAP, MODEL, sources=sources)
    assert [(one.name, one.origin) for one in found.want] == [
        ("food", "ConfigMap default/adapters"),
        ("sql", "InferenceModel default/food"),
    ]
    assert [one.name for one in wanted(DEPLOYMENT, CONFIG_MAP, MODEL).want] == ["food"]
