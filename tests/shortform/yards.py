"""Yards for the tests of this folder."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from modelyard.resources.loading import load_documents
from modelyard.resources.yard import Yard, object_name

FOLDER = "/srv/yard"
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,20}", fullmatch=True)
SOURCES = st.sampled_from(
    [
        "demo://demo-llama",
        "./local",
        "../up",
        "/abs/a b",
        "org/Model-1.5",
        "gpt2",
        "o/m@v1",
        "gs://bkt/a",
        "s3://bkt/a/b",
    ]
)
CRITICALITIES = st.sampled_from([None, "Critical", "Standard", "Sheddable"])


def yard(**spec: Any) -> Yard:
    """A loaded Yard named ``y``, from ``y.yaml``."""
    value = {"apiVersion": "modelyard.dev/v1alpha1", "kind": "Yard", "metadata": {"name": "y"}, "spec": spec}
    result = load_documents(json.dumps(value), "y.yaml")
    assert result.errors == ()
    (loaded,) = result.objects
    assert isinstance(loaded, Yard)
    return loaded


@st.composite
def yards(draw: st.DrawFn) -> Yard:
    """Any valid Yard, small."""
    names = iter(draw(st.lists(NAMES, min_size=9, max_size=9, unique_by=object_name)))
    models = []
    for _ in range(draw(st.integers(1, 3))):
        gpus = draw(st.integers(0, 2))
        adapters = [_adapter(draw, next(names)) for _ in range(draw(st.integers(0, 1)))]
        models.append(
            _adapter(draw, next(names))
            | {
                "adapters": adapters,
                "replicas": draw(st.integers(0, 3)),
                "gpus": gpus,
                "nodes": draw(st.integers(1, 3)) if gpus else 1,
                "nodeSelector": draw(st.sampled_from([{}, {"cloud.google.com/gke-accelerator": "nvidia-l4"}])),
                "port": draw(st.integers(1, 65535)),
                "args": draw(st.sampled_from([[], ["--max-loras=2"], ["--trust-remote-code", "--x", "$(A) yes"]])),
            }
        )
    known = [name for model in models for name in (model["name"], *(item["name"] for item in model["adapters"]))]
    splits = st.dictionaries(st.sampled_from(known), st.integers(0, 100_000), min_size=1).filter(
        lambda split: any(split.values())
    )
    routes = [{"name": next(names), "split": draw(splits)} for _ in range(draw(st.integers(0, 2)))]
    for route in routes:
        route |= {"criticality": draw(CRITICALITIES)}
    gateway = {"port": draw(st.integers(1, 65535)), "hostname": draw(st.sampled_from([None, "*.example.com"]))}
    return yard(models=models, routes=routes, gateway=gateway)


def _adapter(draw: st.DrawFn, name: str) -> dict[str, Any]:
    return {"name": name, "source": draw(SOURCES), "criticality": draw(CRITICALITIES)}
