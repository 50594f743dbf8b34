from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from modelyard.local.home import Home
from modelyard.local.ray import service as service_module
from modelyard.local.ray.cluster import Surroundings
from modelyard.local.ray.conditions import ClusterView
from modelyard.local.ray.planning import plan_ray_services
from modelyard.local.ray.ray_plan import RayClusterPlan, RayServicePlan
from modelyard.local.ray.service import RayServiceRun
from modelyard.local.start_slots import StartSlots

from .ray_services import CONTEXT, HEAD, ORDINARY, manifest, resources

OTHER_HEAD = HEAD.replace("ray:2.54.0", "ray:2.55.0")


class FakeCluster:
    """Stands for a cluster: becomes ready when told, ends when told."""

    made: list[FakeCluster] = []  # noqa: RUF012 - emptied for each test

    def __init__(
        self, plan: RayClusterPlan, service: RayServicePlan, around: Surroundings, changed: Callable[[], None]
    ) -> None:
        self.plan, self.service, self.spec_hash = plan, service, service.spec_hash
        self.ready, self.waits, self.ending = False, False, asyncio.Event()
        self.stopping = False
        self._changed = changed
        FakeCluster.made.append(self)

    def start(self, after: Awaitable[object] | None = None) -> None:
        self.waits = after is not None
        if asyncio.iscoroutine(after):
            after.close()

    def update(self, service: RayServicePlan) -> None:
        self.service = service

    def become_ready(self) -> None:
        self.ready = True
        self._changed()

    def view(self) -> ClusterView:
        return ClusterView(name=self.plan.name, serving=self.ready)

    async def stop(self, longest_drain: float) -> None:
        self.stopping = True
        await self.ending.wait()


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> list[FakeCluster]:
    FakeCluster.made = []
    monkeypatch.setattr(service_module, "RayCluster", FakeCluster)
    return FakeCluster.made


def planned(config: str = ORDINARY, cluster: str = HEAD, spec: str = "") -> RayServicePlan:
    (plan,) = plan_ray_services(resources(manifest(config, cluster=cluster, spec=spec)), CONTEXT)
    return plan


def run(story: Callable[[RayServiceRun], Awaitable[None]], plan: RayServicePlan) -> None:
    async def told() -> None:
        around = Surroundings(home=Home(Path("/yard")), slots=StartSlots(1))
        service = RayServiceRun(plan, around, lambda: None)
        service.apply(plan)
        async with asyncio.timeout(10):
            await story(service)
            for cluster in FakeCluster.made:
                cluster.ending.set()
            await service.stop()

    asyncio.run(told())


def reasons(service: RayServiceRun) -> list[str]:
    return [one["reason"] for one in service.status()["conditions"]]


def test_the_first_cluster_takes_the_traffic_when_it_is_ready(fake: list[FakeCluster]):
    async def story(service: RayServiceRun) -> None:
        assert reasons(service) == ["Initializing", "NoActiveCluster"]
        assert not service.settled()
        fake[0].become_ready()
        assert reasons(service) == ["NonZeroServeEndpoints", "NoPendingCluster"]
        assert service.settled()

    run(story, planned())


def test_a_changed_configuration_goes_to_the_running_cluster(fake: list[FakeCluster]):
    async def story(service: RayServiceRun) -> None:
        fake[0].become_ready()
        service.apply(planned(ORDINARY.replace("one", "two")))
        assert len(fake) == 1
        assert fake[0].service.serve_config["applications"][0]["args"] == {"text": "two"}

    run(story, planned())


def test_a_changed_cluster_is_made_beside_the_old_one(fake: list[FakeCluster]):
    async def story(service: RayServiceRun) -> None:
        fake[0].become_ready()
        service.apply(planned(cluster=OTHER_HEAD))
        old, new = fake
        assert reasons(service)[1] == "BothActivePendingClustersExist"
        assert not old.stopping
        new.become_ready()
        await asyncio.sleep(0)
        assert old.stopping
        assert [cluster.plan.name for cluster in service.clusters()] == [old.plan.name, new.plan.name]
        assert service.status()["activeServiceStatus"]["rayClusterName"] == new.plan.name

    run(story, planned())


def test_going_back_ends_the_cluster_that_was_prepared(fake: list[FakeCluster]):
    async def story(service: RayServiceRun) -> None:
        fake[0].become_ready()
        service.apply(planned(cluster=OTHER_HEAD))
        service.apply(planned())
        await asyncio.sleep(0)
        assert fake[1].stopping
        assert not fake[0].stopping
        assert len(fake) == 2

    run(story, planned())


def test_a_cluster_waits_for_its_predecessor_of_the_same_name(fake: list[FakeCluster]):
    async def story(service: RayServiceRun) -> None:
        fake[0].become_ready()
        service.apply(planned(cluster=OTHER_HEAD))
        fake[1].become_ready()
        service.apply(planned())
        assert [cluster.waits for cluster in fake] == [False, False, True]

    run(story, planned())


def test_without_upgrades_the_cluster_stays(fake: list[FakeCluster]):
    async def story(service: RayServiceRun) -> None:
        fake[0].become_ready()
        service.apply(planned(cluster=OTHER_HEAD, spec="upgradeStrategy: {type: None}"))
        assert len(fake) == 1

    run(story, planned())


def test_a_problem_leaves_alone_what_runs(fake: list[FakeCluster]):
    async def story(service: RayServiceRun) -> None:
        fake[0].become_ready()
        service.apply(msgspec.structs.replace(planned(), cluster=None, problem="no source"))
        assert not fake[0].stopping
        assert service.settled()

    run(story, planned())


def test_a_suspended_service_has_no_cluster(fake: list[FakeCluster]):
    async def story(service: RayServiceRun) -> None:
        fake[0].become_ready()
        service.apply(planned(spec="suspend: true"))
        await asyncio.sleep(0)
        assert fake[0].stopping
        assert "SuspendComplete" in reasons(service)

    run(story, planned())


def test_one_that_never_becomes_ready_is_given_up(fake: list[FakeCluster]):
    async def story(service: RayServiceRun) -> None:
        while not fake[0].stopping:  # noqa: ASYNC110 - a timer of the loop sets it
            await asyncio.sleep(0.001)
        assert reasons(service)[0] == "InitializingTimeout"
        service.apply(service.plan)
        assert len(fake) == 1
        changed = planned(ORDINARY.replace("one", "two"))
        service.apply(msgspec.structs.replace(changed, initializing_seconds=60.0))
        assert len(fake) == 2

    run(story, msgspec.structs.replace(planned(), initializing_seconds=0.001))
