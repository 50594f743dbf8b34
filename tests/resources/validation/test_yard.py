from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from modelyard.resources.loading import load_documents

YARD: dict[str, Any] = {
    "apiVersion": "modelyard.dev/v1alpha1",
    "kind": "Yard",
    "metadata": {"name": "y"},
    "spec": {
        "models": [{"name": "llama", "source": "org/llama", "adapters": [{"name": "food", "source": "./food"}]}],
        "routes": [{"name": "chat", "split": {"llama": 1, "food": 0}}],
        "gateway": {"port": 8080, "hostname": "*.example.com", "className": "istio"},
    },
}


def faults(change):
    value = copy.deepcopy(YARD)
    change(value)
    return [str(error) for error in load_documents(json.dumps(value), "y.yaml").errors]


def setting(*path, to):
    def change(value):
        for step in path[:-1]:
            value = value[step]
        value[path[-1]] = to

    return change


MODEL = ("spec", "models", 0)


def test_a_yard_is_valid():
    assert faults(lambda value: None) == []


@pytest.mark.parametrize(
    ("path", "to", "says"),
    [
        (("metadata", "name"), "Y", "metadata.name: 'Y' must start with a letter"),
        (("spec", "models"), [], "spec.models: must have at least one model"),
        ((*MODEL, "replica"), 2, "spec.models[0].replica: unknown field"),
        ((*MODEL, "replicas"), -1, "spec.models[0].replicas: -1 is out of range"),
        ((*MODEL, "replicas"), "2", "must be a whole number"),
        ((*MODEL, "engine"), "vlm", "did you mean 'vllm'?"),
        ((*MODEL, "source"), "ftp://b/m", "spec.models[0].source: weights from ftp:// are not fetched"),
        ((*MODEL, "port"), 0, "spec.models[0].port: 0 is out of range"),
        ((*MODEL, "gpus"), 65, "spec.models[0].gpus: 65 is out of range"),
        ((*MODEL, "nodes"), 0, "spec.models[0].nodes: 0 is out of range"),
        ((*MODEL, "nodes"), 65, "spec.models[0].nodes: 65 is out of range"),
        ((*MODEL, "nodes"), "2", "spec.models[0].nodes: must be a whole number"),
        ((*MODEL, "nodeSelector"), {"a b": "c"}, "spec.models[0].nodeSelector"),
        ((*MODEL, "args"), ["--node_rank=1"], "--node-rank is set by the field 'nodes'"),
        ((*MODEL, "image"), "a b", "spec.models[0].image: must be a container image"),
        ((*MODEL, "name"), "a b", "spec.models[0].name: 'a b' is no model name"),
        ((*MODEL, "name"), "x" * 51, "longer than 50"),
        ((*MODEL, "args"), ["--served_model_name", "x"], "--served-model-name is set by the field 'name'"),
        ((*MODEL, "args"), ["4096"], "spec.models[0].args[0]: '4096' is no option"),
        ((*MODEL, "criticality"), "critical", "did you mean 'Critical'?"),
        ((*MODEL, "adapters", 0, "source"), "", "spec.models[0].adapters[0].source: '' is no source"),
        ((*MODEL, "adapters", 0, "name"), "llama", "spec.models[0].adapters[0].name: 'llama' is there twice"),
        ((*MODEL, "adapters", 0, "name"), "LLaMA", "'LLaMA' and 'llama' both become 'llama' on Kubernetes"),
        (("spec", "routes", 0, "name"), "food", "spec.routes[0].name: 'food' is there twice"),
        (("spec", "routes", 0, "split"), {"lama": 1}, "did you mean 'llama'?"),
        (("spec", "routes", 0, "split"), {"llama": 0}, "must have an entry with a weight above 0"),
        (("spec", "routes", 0, "split"), {"llama": 100_001}, "100001 is out of range"),
        (("spec", "gateway", "port"), 70_000, "spec.gateway.port: 70000 is out of range"),
        (("spec", "gateway", "hostname"), "a:80", "spec.gateway.hostname: 'a:80' must be a host name without a port"),
        (("spec", "gateway", "className"), "A", "spec.gateway.className: 'A' is no DNS name"),
    ],
)
def test_what_is_wrong_is_said_where_it_is(path, to, says):
    assert any(says in message for message in faults(setting(*path, to=to)))


def test_several_nodes_need_gpus():
    def change(value):
        value["spec"]["models"][0] |= {"nodes": 2, "gpus": 0}

    assert any("spec.models[0].nodes: above 1 needs gpus of 1 or more" in message for message in faults(change))
    assert faults(setting(*MODEL, "nodes", to=2)) == [], "by default each has one"


@pytest.mark.parametrize(("engine", "good"), [("vllm", False), ("ray-serve", True)])
def test_the_service_of_several_nodes_has_a_name_of_its_own(engine, good):
    def change(value):
        value["spec"]["models"][0] |= {"nodes": 2, "engine": engine}
        value["spec"]["models"].append({"name": "llama/leader", "source": "org/m"})

    said = (
        "spec.models[0].name: 'llama' spans nodes, so its Service is 'llama-leader' on Kubernetes, like 'llama/leader'"
    )
    assert any(said in message for message in faults(change)) != good


def test_there_is_a_limit_of_adapters():
    many = [{"name": f"a{number}", "source": "org/a"} for number in range(33)]
    assert any("at most 32 adapters" in message for message in faults(setting(*MODEL, "adapters", to=many)))
