from __future__ import annotations

import json

import pytest

from modelyard.bodies.models_list import ModelEntry, model_body, models_body, requested_model


def test_lists_models_with_their_parents() -> None:
    base = ModelEntry(id="base", created=5, owned_by="vllm")
    adapter = ModelEntry(id="adapter", parent="base")
    listed = json.loads(models_body([base, adapter, ModelEntry(id="base", created=9)]))
    assert listed == {
        "object": "list",
        "data": [
            {"id": "base", "object": "model", "created": 5, "owned_by": "vllm", "root": "base", "parent": None},
            {
                "id": "adapter",
                "object": "model",
                "created": 0,
                "owned_by": "modelyard",
                "root": "base",
                "parent": "base",
            },
        ],
    }
    assert json.loads(model_body(adapter)) == listed["data"][1]


def test_an_empty_list_is_a_list() -> None:
    assert json.loads(models_body([])) == {"object": "list", "data": []}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/models/qwen", "qwen"),
        ("/v1/models/google/gemma", "google/gemma"),
        ("/v1/models/google%2Fgemma", "google/gemma"),
        ("/v1/models/%E6%A8%A1", "模"),
        ("/v1/models/a%2525", "a%25"),
        ("/v1/models/%ff", None),
        ("/v1/models/", None),
        ("/v1/models", None),
        ("/v1/chat/completions", None),
    ],
)
def test_the_id_in_a_path(path: str, name: str | None) -> None:
    assert requested_model(path) == name
