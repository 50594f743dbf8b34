from __future__ import annotations

import pytest

from modelyard.resources.loading import load_documents
from modelyard.resources.placeholders import NAMESPACE_NOTE, with_namespace


@pytest.mark.parametrize("namespace", ["_NAMESPACE_", "_ML_SERVE_NS_", "${NAMESPACE}", "$NAMESPACE"])
@pytest.mark.parametrize("kind", ["ConfigMap", "PersistentVolumeClaim"])
def test_a_placeholder_stands_for_the_default_namespace_and_is_noted(namespace: str, kind: str) -> None:
    text = f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: c, namespace: '{namespace}', annotations: {{a: b}}}}\n"
    loaded = load_documents(text, "x.yaml")
    assert loaded.errors == ()
    (found,) = loaded.objects
    assert found.metadata.namespace == "default"  # type: ignore[union-attr]
    assert found.metadata.annotations == {"a": "b", NAMESPACE_NOTE: namespace}  # type: ignore[union-attr]


@pytest.mark.parametrize("namespace", ["NAMESPACE", "_namespace_", "a_b", "__", "ml-serve", 7])
def test_anything_else_is_left_to_the_rules(namespace: object) -> None:
    value = {"metadata": {"namespace": namespace}}
    assert with_namespace(value) is value


@pytest.mark.parametrize("value", [{}, {"metadata": []}, {"metadata": {"namespace": "_N_", "annotations": 3}}])
def test_broken_metadata_is_left_to_the_rules(value: dict[str, object]) -> None:
    assert with_namespace(value) is value
