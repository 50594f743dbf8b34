from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.control.adapter_wishes import HandMade
from modelyard.control.ray_adapters import (
    RayWish,
    engine_side,
    ray_views,
    ray_wish,
    reported,
    require_base,
    wants_bucket,
)
from modelyard.local.ray.ray_plan import RayServicePlan
from modelyard.local.replica_plan import PortMapping
from modelyard.local.status import Phase, ReplicaStatus
from modelyard.lora.adapter import ReplicaView
from modelyard.lora.adapter_config import BaseShape
from modelyard.lora.loopback_bucket import LoopbackBucket
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.serve_config import OPENAI_BUILDER
from modelyard.resources.source_table import SourceTable

SERVICE = """
apiVersion: ray.io/v1
kind: RayService
metadata: {name: hello}
spec:
  serveConfigV2: |
    applications:
    - name: llm
      import_path: ray.serve.llm:build_openai_app
      args:
        llm_configs:
        - model_loading_config: {model_id: llama}
          lora_config: {dynamic_lora_loading_path: "s3://bkt/loras"}
  rayClusterConfig:
    headGroupSpec: {template: {spec: {containers: [{name: head, image: ray}]}}}
"""
RESOURCES, _ = ResourceSet.of(load_documents(SERVICE, "ray.yaml").objects)
STATUS = ReplicaStatus(
    name="hello-1",
    namespace="default",
    deployment="hello",
    labels={},
    engine="ray-serve",
    address="127.9.0.1",
    ports=(PortMapping(container=8000, local=8000),),
    phase=Phase.RUNNING,
    ready=True,
    since=0.0,
    message="",
    pid=1,
)


def wish(sources: dict[str, str] | None = None, by_hand: HandMade | None = None) -> RayWish:
    table = SourceTable(entries=sources or {})
    service = RESOURCES.ray_services["default", "hello"]
    return ray_wish(RESOURCES, service, {}, table, by_hand=by_hand or HandMade(), before=None)


def model(name: str = "llama", **content: object) -> dict[str, object]:
    return {"model_loading_config": {"model_id": name, "model_source": "/m"}, **content}


def views(*models: dict[str, object], of: RayWish | None = None) -> list[ReplicaView]:
    config = {
        "applications": [{"import_path": OPENAI_BUILDER, "route_prefix": "/llm", "args": {"llm_configs": list(models)}}]
    }
    plan = RayServicePlan(name="hello", namespace="default", serve_config=config)
    return list(ray_views(plan, [STATUS], of or wish(), lambda source: BaseShape()))


def test_the_folder_that_stands_for_the_bucket_says_what_is_wanted(tmp_path: Path) -> None:
    for name in ("food", "sql"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "adapter_config.json").write_text("{}")
    (tmp_path / "notes").mkdir()
    found = wish({"s3://bkt/loras": str(tmp_path)})
    assert {one.name: one.source for one in found.adapters.want} == {
        "food": str(tmp_path / "food"),
        "sql": str(tmp_path / "sql"),
    }
    refused = wish({"s3://bkt/loras": str(tmp_path)}, HandMade(absent=frozenset({"food"})))
    assert [one.name for one in refused.adapters.want] == ["sql"]
    assert refused.absent == {"food"}
    assert wants_bucket(RESOURCES)
    assert not wants_bucket(ResourceSet())


def test_a_view_of_a_model() -> None:
    path = f"{LoopbackBucket.path('default/hello/llama')}"
    kwargs = {"enable_lora": True, "max_lora_rank": 8}
    asked = wish(by_hand=HandMade(sources={"food": "demo://food-review"}))
    (view,) = views(model(lora_config={"dynamic_lora_loading_path": path}, engine_kwargs=kwargs), of=asked)
    assert (view.key, view.url) == ("default/hello-1", "http://127.9.0.1:8000/llm")
    assert view.ray is not None
    assert view.ray.prefix == "default/hello/llama"
    assert [(one.name, one.base_model) for one in view.want] == [("food", "llama")]
    assert view.limits.max_rank == 8
    assert not view.limits.problem
    assert engine_side(view, "food@1a2b3c4d") == "llama:food@1a2b3c4d"
    assert engine_side(view, "") == ""
    assert "food@1a2b3c4d" in reported(view, frozenset({"llama:food@1a2b3c4d"}))


def test_a_model_that_loads_no_adapters_says_what_to_add() -> None:
    first, second = views(model(), model("alpaca"))
    assert "dynamic_lora_loading_path" in first.limits.problem
    assert (first.key, second.key) == ("default/hello-1 llama", "default/hello-1 alpaca")


def test_a_model_of_ray_serve_llm_gets_the_adapters_that_are_for_it() -> None:
    asked = wish(by_hand=HandMade(sources={"food": "demo://food-review"}))
    first, second = views(model(), model("alpaca"), of=asked)
    assert [one.name for one in first.want] == ["food"]
    assert not second.want


def test_a_name_must_say_for_which_of_several_models_it_is() -> None:
    one = RESOURCES.ray_services["default", "hello"]
    require_base(one, "food")
    both = SERVICE.replace("llm_configs:", "llm_configs:\n        - model_loading_config: {model_id: alpaca}")
    both = both.replace(
        "{model_id: alpaca}", '{model_id: alpaca}\n          lora_config: {dynamic_lora_loading_path: "s3://b"}'
    )
    resources, _ = ResourceSet.of(load_documents(both, "ray.yaml").objects)
    several = resources.ray_services["default", "hello"]
    require_base(several, "alpaca:food")
    with pytest.raises(ValueError, match="say which: alpaca:food, llama:food"):
        require_base(several, "food")


def test_arguments_of_other_applications_are_left_alone() -> None:
    apps = [{"import_path": "app:build", "args": {"llm_configs": given}} for given in ([{"name": "mine"}], 3)]
    plan = RayServicePlan(name="hello", namespace="default", serve_config={"applications": apps})
    assert list(ray_views(plan, [STATUS], wish(), lambda source: BaseShape())) == []
