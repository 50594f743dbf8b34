from __future__ import annotations

from modelyard.control.adapters_without_replica import on_ray_service
from modelyard.local.ray.ray_plan import RayServicePlan
from modelyard.lora.condition import Reason
from modelyard.lora.lora_config import Wanted
from modelyard.lora.wanted import DeploymentAdapters

PLAN = RayServicePlan(name="hello", namespace="default")
WANTED = DeploymentAdapters(want=(Wanted(name="food", source="demo://food-review", origin="ConfigMap default/x"),))


def said(**plan: object) -> str:
    given = RayServicePlan(**{"name": "hello", "namespace": "default", **plan})  # type: ignore[arg-type]
    (status,) = on_ray_service(given, WANTED, ())
    assert (status.adapter, status.replica, status.reason) == ("food", "default/hello", Reason.NO_REPLICA)
    assert not status.loaded
    return status.message


def test_a_ray_service_without_a_cluster_says_why() -> None:
    assert said(problem="no Ray was found") == "no Ray was found"
    assert "suspended" in said(suspended=True)
    assert "does not run" in said()


def test_one_with_a_cluster_speaks_for_itself() -> None:
    assert list(on_ray_service(PLAN, WANTED, ["a cluster"])) == []
