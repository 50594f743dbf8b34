"""Adapters and their bases out of ConfigMaps, wrong ones included."""

from __future__ import annotations

import json

import pytest

from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.routing.base_models import BaseModels, base_models_of


def bases(**data: str) -> BaseModels:
    labels = {"inference.networking.k8s.io/bbr-managed": "true"}
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": labels}, "data": data}
    loaded = load_documents(json.dumps(document), "a.yaml")
    assert not loaded.errors
    return base_models_of(ResourceSet.of(loaded.objects)[0])


@pytest.mark.parametrize("adapters", ["", "- x\n- '  y  '\n- ''\n-", "[]"])
def test_what_is_right_has_no_fault(adapters: str) -> None:
    found = bases(baseModel=" m ", adapters=adapters)
    assert not found.faults
    assert dict(found.base_of) == {"m": "m"} | ({"x": "m", "y": "m"} if "x" in adapters else {})


def test_adapters_may_be_absent() -> None:
    assert bases(baseModel="m") == BaseModels({"m": "m"})


@pytest.mark.parametrize(
    ("adapters", "told"),
    [
        ("{not: list}", "data.adapters: is no list: {'not': 'list'}; allowed: a list of names"),
        ("just text", "data.adapters: is no list: 'just text'; allowed: a list of names"),
        ("- a\n - b: [", "data.adapters: is no YAML ("),
        ("- ok\n- [7]", "data.adapters[1]: is no name and left out: [7]; allowed: a list of names"),
        ("- ok\n- true", "data.adapters[1]: is no name and left out: True; allowed: a list of names"),
        ("- ok\n- 007", "data.adapters[1]: is a number, taken as the name '007': write it in quotes"),
    ],
)
def test_what_is_wrong_is_told_and_the_rest_counts(adapters: str, told: str) -> None:
    found = bases(baseModel="m", adapters=adapters)
    (fault,) = found.faults
    assert fault.startswith("a.yaml:1: document 1: ConfigMap default/a: data.adapters")
    assert told in fault
    assert found.base_of["m"] == "m"
    assert ("ok" in found.base_of) == ("ok" in adapters)
    assert ("007" in found.base_of) == ("007" in adapters)


@pytest.mark.parametrize("data", [{}, {"baseModel": "  "}])
def test_a_map_without_base_model(data: dict[str, str]) -> None:
    found = bases(adapters="- x", **data)
    (fault,) = found.faults
    assert "data.baseModel: is missing or empty" in fault
    assert not found.base_of
