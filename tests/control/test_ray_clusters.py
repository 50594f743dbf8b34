from __future__ import annotations

from dataclasses import dataclass

from modelyard.control.ray_clusters import ray_settings, ray_skipped
from modelyard.local.ray.ray_plan import RayServicePlan
from modelyard.local.replica_plan import AppliedSetting, Skipped


@dataclass
class FakeRunner:
    given: tuple[RayServicePlan, ...]

    def plans(self) -> tuple[RayServicePlan, ...]:
        return self.given


SETTING = AppliedSetting(setting="num-cpus", change="32", reason="logical")
RUNNER = FakeRunner(
    (
        RayServicePlan(name="a", namespace="default", problem="no Ray was found"),
        RayServicePlan(
            name="b",
            namespace="default",
            settings=(SETTING,),
            skipped=(Skipped(namespace="default", deployment="b", name="fetch", reason="not Ray"),),
        ),
    )
)


def test_what_does_not_run_is_told_with_the_reason():
    assert list(ray_skipped(RUNNER)) == [  # type: ignore[arg-type]
        {"what": "RayService default/a", "reason": "no Ray was found"},
        {"what": "RayService default/b container fetch", "reason": "not Ray"},
    ]


def test_what_was_changed_is_told_with_the_service():
    assert list(ray_settings(RUNNER)) == [("b", SETTING)]  # type: ignore[arg-type]
