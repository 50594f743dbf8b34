"""Adapters and their bases out of ConfigMaps, wrong ones included."""

from __future__ import annotations

import json
import tracemalloc
from itertools import pairwise
from textwrap import indent

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
        ("{not: list}", "data.adapters: is no list: '{not: list}'; allowed: a list of names"),
        ("just text", "data.adapters: is no list: 'just text'; allowed: a list of names"),
        ("- a\n - b: [", "data.adapters: is no YAML ("),
        ("- ok\n- [7]", "data.adapters[1]: is no name and left out: '[7]'; allowed: a list of names"),
        ("- ok\n- true", "data.adapters[1]: is no name and left out: 'true'; allowed: a list of names"),
        ("- ok\n- !!bool foo", "data.adapters[1]: is no name and left out: '!!bool foo'; allowed"),
        ('- ok\n- !!int ""', "data.adapters[1]: is no name and left out: '!!int'; allowed"),
        ('- ok\n- !!float ""', "data.adapters[1]: is no name and left out: '!!float'; allowed"),
        ("- ok\n- !!timestamp foo", "data.adapters[1]: is no name and left out: '!!timestamp foo'; allowed"),
        ("- &a ok\n- *a", "data.adapters[1]: is no name and left out: '*a'; allowed"),
        ("!!bool foo", "data.adapters: is no list: '!!bool foo'; allowed"),
        ("[" * 100_000, "data.adapters: is nested deeper than 100 levels: "),
        ("- a\n---\n- b", "data.adapters: is more than one YAML document: "),
        ("- " + "a" * (1 << 20), "data.adapters: is longer than 1,048,576 characters: "),
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


BOMB = (
    "- &a ["
    + ", ".join(["x" * 50] * 50)
    + "]\n"
    + "".join(f"- &{name} [{', '.join([f'*{before}'] * 50)}]\n" for before, name in pairwise("abc"))
)


@pytest.mark.parametrize("adapters", [BOMB, f"not: a list\nof:\n{indent(BOMB, '  ')}"])
def test_what_aliases_stand_for_is_never_written_out(adapters: str) -> None:
    tracemalloc.start()
    found = bases(baseModel="m", adapters=adapters)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.faults
    assert dict(found.base_of) == {"m": "m"}
    assert most < 3_000_000


def test_not_every_wrong_entry_of_many_is_told() -> None:
    found = bases(baseModel="m", adapters="- []\n" * 100 + "- ok")
    assert len(found.faults) == 21
    assert found.faults[-1].endswith("data.adapters: has 80 more such entries")
    assert "ok" in found.base_of


SYNCER = "vLLMLoRAConfig: {defaultBaseModel: m, ensureExist: {models: [{id: x, source: s}]}}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (SYNCER, {"m": "m", "x": "m"}),
        ("- !!bool foo", {}),
        (f'{SYNCER}\nport: !!int ""', {}),
        (f'{SYNCER}\nname: !!timestamp ""', {}),
        (f'{SYNCER}\n---\nname: !!float ""', {}),
        ("[" * 100_000, {}),
        (f"{SYNCER}\nmore:\n{indent(BOMB, '  ')}", {}),
    ],
)
def test_a_syncer_that_cannot_be_read_has_no_adapters(text: str, found: dict[str, str]) -> None:
    assert dict(bases(baseModel="m", **{"configmap.yaml": text}).base_of) == {"m": "m"} | found


@pytest.mark.parametrize("data", [{}, {"baseModel": "  "}])
def test_a_map_without_base_model(data: dict[str, str]) -> None:
    found = bases(adapters="- x", **data)
    (fault,) = found.faults
    assert "data.baseModel: is missing or empty" in fault
    assert not found.base_of
