from __future__ import annotations

from typing import Any

from modelyard.control.ray_adapters import RayWish, ray_views
from modelyard.local.ray.ray_plan import RayServicePlan
from modelyard.local.replica_plan import PortMapping
from modelyard.local.status import Phase, ReplicaStatus
from modelyard.lora.adapter_config import BaseShape
from modelyard.lora.lora_config import Wanted
from modelyard.lora.wanted import DeploymentAdapters
from modelyard.resources.serve_config import OPENAI_BUILDER

CLUSTER = ReplicaStatus(
    name="llms-1234",
    namespace="default",
    deployment="llms",
    labels={},
    engine="ray_serve",
    address="127.9.0.1",
    ports=(PortMapping(container=8000, local=8000),),
    phase=Phase.RUNNING,
    ready=True,
    since=0.0,
    message="",
    pid=7,
    log_path="",
)
WISH = RayWish(adapters=DeploymentAdapters(want=(Wanted(name="food-review", source="demo://x", base_model="m"),)))
LLM = {"llm_configs": [{"model_loading_config": {"model_id": "m"}}]}


def views(*applications: dict[str, Any], **plan: Any) -> list[tuple[str, str, list[str]]]:
    made = RayServicePlan(namespace="default", name="llms", serve_config={"applications": applications}, **plan)
    found = ray_views(made, [CLUSTER], WISH, lambda model: BaseShape())
    return [(view.key, view.url, [one.name for one in view.want]) for view in found]


def test_a_model_of_ray_serve_llm_gets_the_adapters_that_are_for_it() -> None:
    app = {"import_path": OPENAI_BUILDER, "route_prefix": "/llm", "args": LLM}
    assert views(app) == [("default/llms-1234", "http://127.9.0.1:8000/llm", ["food-review"])]


def test_arguments_of_other_applications_are_left_alone() -> None:
    own = {"import_path": "app:build", "args": {"llm_configs": [{"name": "mine"}]}}
    assert views(own, {"import_path": "app:build", "args": {"llm_configs": 3}}) == []
