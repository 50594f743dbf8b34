from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.control.notes import notes
from modelyard.control.sources import sources_in_force
from modelyard.manifests.reading import read_manifests
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet

MANIFESTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: m, namespace: _NAMESPACE_}
spec:
  selector: {matchLabels: {app: m}}
  template:
    metadata: {labels: {app: m}}
    spec:
      containers:
        - name: vllm
          image: vllm/vllm-openai:v0.32.0
          args: ["--model=$(MODEL)", "--lora-modules", "food=org/food"]
          env: [{name: MODEL, value: google/gemma-3-1b-it}]
      volumes: [{name: w, csi: {driver: gcsfuse.csi.storage.gke.io, volumeAttributes: {bucketName: tuned}}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: adapters}
data:
  configmap.yaml: |
    vLLMLoRAConfig:
      ensureExist:
        models:
        - id: sql-chat
          source: org/sql
"""
GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
spec: {gatewayClassName: modelyard, listeners: [{name: http, port: 80, protocol: HTTP}]}
"""
RESOURCES, _ = ResourceSet.of(load_documents(f"{MANIFESTS}---{GATEWAY}", "m.yaml").objects)


def test_a_gateway_that_is_added_is_told() -> None:
    without, _ = ResourceSet.of(load_documents(MANIFESTS, "m.yaml").objects)
    assert [note.check for note in notes(without, sources_in_force(without, {}))] == [
        "namespace-placeholder",
        "gateway",
    ]


def test_a_placeholder_is_told() -> None:
    (note,) = notes(RESOURCES, sources_in_force(RESOURCES, {}))
    assert (note.object, note.check) == ("namespace _NAMESPACE_", "namespace-placeholder")
    assert note.message == "is a placeholder, so default is used here for Deployment m"


@pytest.mark.parametrize(
    "name", ["google/gemma-3-1b-it", "org/sql", "sql-chat", "org/food", "gs://tuned", "gs://tuned/a"]
)
def test_what_is_named_anywhere_is_used(name: str) -> None:
    table = sources_in_force(RESOURCES, {name: "/x"})
    assert len(notes(RESOURCES, table)) == 1


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("google/gemma-3-1b", "did you mean google/gemma-3-1b-it?"),
        ("gs://tune", "did you mean gs://tuned?"),
        ("xx", "the names that are there: google/gemma-3-1b-it, gs://tuned, org/food, org/sql, sql-chat"),
    ],
)
def test_a_source_that_names_nothing_says_what_is_there(name: str, advice: str) -> None:
    table = sources_in_force(RESOURCES, {name: "/x"})
    assert notes(RESOURCES, table)[1:][0].object == f"source {name}"
    assert notes(RESOURCES, table)[1:][0].advice == advice


def test_a_yard_of_sources_alone_names_nothing_itself_and_begins_at_its_file(tmp_path: Path) -> None:
    (tmp_path / "y.yaml").write_text(
        "apiVersion: modelyard.dev/v1alpha1\nkind: Yard\nmetadata: {name: y}\n"
        "spec: {sources: {org/a: ./weights/a, org/b: 'demo://demo-llama'}}\n"
    )
    read = read_manifests([tmp_path])
    assert read.errors == ()
    assert not read.resource_set.gateways
    table = sources_in_force(read.resource_set, {"org/b": "/mine"})
    assert table.entries == {"org/a": str(tmp_path / "weights" / "a"), "org/b": "/mine"}
    assert [note.object for note in notes(read.resource_set, table)] == ["source org/b", "source org/a"]
