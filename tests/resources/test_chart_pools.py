"""Pools that a chart makes on a cluster."""

from __future__ import annotations

import yaml

from modelyard.resources.chart_pools import STANDS_FOR, chart_pools
from modelyard.resources.inference import InferencePool
from modelyard.resources.loading import load_documents

OLD, NEW = "inference.networking.x-k8s.io", "inference.networking.k8s.io"


def service(name: str, *models: str) -> str:
    configs = [{"model_loading_config": {"model_id": model}} for model in models]
    app = {"import_path": "ray.serve.llm:build_openai_app", "args": {"llm_configs": configs}}
    template = {"spec": {"containers": [{"name": "ray"}]}}
    spec = {
        "serveConfigV2": yaml.safe_dump({"applications": [app]}),
        "rayClusterConfig": {"headGroupSpec": {"template": template}},
    }
    return _document("ray.io/v1", "RayService", name, spec)


def route(group: str = OLD) -> str:
    backend = {"group": group, "kind": "InferencePool", "name": "pool"}
    spec = {"parentRefs": [{"name": "gateway"}], "rules": [{"backendRefs": [backend]}]}
    return _document("gateway.networking.k8s.io/v1", "HTTPRoute", "route", spec)


def model(name: str) -> str:
    return _document(f"{OLD}/v1alpha2", "InferenceModel", name, {"modelName": name, "poolRef": {"name": "pool"}})


def pool() -> str:
    spec = {"selector": {"matchLabels": {"app": "x"}}, "targetPorts": [{"number": 8000}]}
    return _document(f"{NEW}/v1", "InferencePool", "pool", spec)


def _document(api: str, kind: str, name: str, spec: object) -> str:
    return yaml.safe_dump({"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec})


def made(*documents: str) -> list[InferencePool]:
    loaded = load_documents("---\n".join(documents), "all.yaml")
    assert loaded.errors == ()
    return list(chart_pools(loaded.objects))


def test_the_pool_stands_for_the_one_server_of_its_models() -> None:
    for group in (OLD, NEW):
        (found,) = made(service("ray", "one", "two"), service("other", "three"), route(group), model("two"), model("x"))
        assert found.metadata.name == "pool"
        assert found.metadata.annotations[STANDS_FOR] == "RayService ray"
        assert found.spec.selector.match_labels == {"modelyard.dev/ray-service": "ray"}


def test_nothing_is_guessed() -> None:
    assert not made(service("ray", "one"), route())
    assert not made(service("ray", "one"), route(), model("two"))
    assert not made(service("ray", "one"), service("more", "one"), route(), model("one"))
    assert not made(service("ray", "one"), route(), model("one"), pool())
