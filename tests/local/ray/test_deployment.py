from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelyard.local.ray import deployment as deployment_module
from modelyard.local.ray.deployment import Deployment
from modelyard.local.ray.planning import plan_ray_services
from modelyard.local.ray.ray_plan import RayServicePlan
from modelyard.local.ray.serve_api import ProxyHealth, ServeRefused, ServeUnreachable
from modelyard.local.ray.serve_status import ApplicationDetails, ServeStatus
from modelyard.local.weights_provider import WeightsMissing

from .ray_services import CONTEXT, manifest, resources

(PLAN,) = plan_ray_services(resources(manifest()), CONTEXT)


class FakeApi:
    """A dashboard and a proxy that answer what they are told to."""

    def __init__(self) -> None:
        self.up, self.proxy, self.state, self.message = False, ProxyHealth(state="well"), "DEPLOYING", ""
        self.refuses = self.fails = ""
        self.deployed: list[Mapping[str, Any]] = []
        self.paths: Mapping[str, str] = {"/": "hello"}

    async def status(self) -> ServeStatus:
        if not self.up:
            raise ServeUnreachable("not yet")
        if not self.deployed:
            return ServeStatus()
        app = ApplicationDetails(status=self.state, message=self.message, route_prefix="/")
        return ServeStatus(applications={"hello": app})

    async def deploy(self, config: Mapping[str, Any]) -> None:
        if self.refuses:
            raise ServeRefused(self.refuses)
        if self.fails:
            raise ServeUnreachable(self.fails)
        self.deployed.append(config)

    async def health(self) -> ProxyHealth:
        return self.proxy

    async def routes(self) -> Mapping[str, str]:
        return self.paths


class Watched:
    """A deployment under test, with what it said last."""

    def __init__(self, plan: RayServicePlan = PLAN, weights: Any = None) -> None:
        assert PLAN.cluster is not None
        self.api, self.said, self.serves = FakeApi(), "", False
        self.deployment = Deployment(PLAN.cluster, plan, weights, self._heard)

    def _heard(self, message: str, serves: bool) -> None:
        self.said, self.serves = message, serves

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - any state of the fakes is polled
                await asyncio.sleep(0.001)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOK_SECONDS", "HURRIED_SECONDS", "AGAIN_SECONDS"):
        monkeypatch.setattr(deployment_module, name, 0.001)


def run(story: Callable[[Watched], Awaitable[None]], watched: Callable[[], Watched] = Watched) -> None:
    async def told() -> None:
        seen = watched()
        task = asyncio.create_task(seen.deployment.run(seen.api, lambda: None))  # type: ignore[arg-type]
        try:
            await story(seen)
        finally:
            task.cancel()
            await asyncio.wait({task})

    asyncio.run(told())


async def serving(seen: Watched) -> None:
    seen.api.up, seen.api.state = True, "RUNNING"
    await seen.until(lambda: seen.serves)


def test_it_deploys_at_the_clusters_own_address_and_waits_until_everything_runs():
    async def story(seen: Watched) -> None:
        await seen.until(lambda: seen.said == "the Ray head starts")
        seen.api.up = True
        await seen.until(lambda: seen.said == "hello DEPLOYING")
        assert not seen.serves
        seen.api.state = "RUNNING"
        await seen.until(lambda: seen.serves)
        (config,) = seen.api.deployed
        assert PLAN.cluster is not None
        assert config["http_options"] == {"host": PLAN.cluster.address, "port": 8000}
        assert seen.said == ""

    run(story)


def test_a_proxy_that_does_not_know_the_routes_does_not_serve():
    async def story(seen: Watched) -> None:
        seen.api.paths = {}
        seen.api.up, seen.api.state = True, "RUNNING"
        await seen.until(lambda: bool(seen.api.deployed))
        await asyncio.sleep(0.02)
        assert not seen.serves
        seen.api.paths = {"/": "hello"}
        await seen.until(lambda: seen.serves)

    run(story)


def test_an_update_in_place_goes_on_serving():
    async def story(seen: Watched) -> None:
        await serving(seen)
        seen.api.state = "DEPLOYING"
        changed = {"applications": [{"name": "hello", "import_path": "app:build", "args": {"text": "two"}}]}
        seen.deployment.want(msgspec.structs.replace(PLAN, serve_config=changed))
        await seen.until(lambda: len(seen.api.deployed) == 2 and seen.said == "hello DEPLOYING")
        assert seen.serves

    run(story)


def test_an_equal_configuration_is_not_put_again():
    async def story(seen: Watched) -> None:
        await serving(seen)
        seen.deployment.want(msgspec.structs.replace(PLAN, working_dirs={"unused": "/nowhere"}))
        await asyncio.sleep(0.02)
        assert len(seen.api.deployed) == 1

    run(story)


def test_what_serve_refuses_is_said_until_it_changes():
    async def story(seen: Watched) -> None:
        seen.api.up, seen.api.refuses = True, "route_prefix is used twice"
        await seen.until(lambda: "route_prefix is used twice" in seen.said)
        seen.api.refuses = ""
        seen.api.state = "RUNNING"
        seen.deployment.want(msgspec.structs.replace(PLAN, serve_config={**PLAN.serve_config, "target_capacity": 50}))
        await seen.until(lambda: seen.serves)

    run(story)


def test_a_dashboard_that_fails_is_quoted_and_asked_again():
    async def story(seen: Watched) -> None:
        seen.api.up, seen.api.state, seen.api.fails = True, "RUNNING", "the dashboard answered 500: disk full"
        await seen.until(lambda: seen.said == "the dashboard answered 500: disk full")
        seen.api.fails = ""
        await seen.until(lambda: seen.serves)
        assert seen.said == ""

    run(story)


def test_a_failed_application_is_told_in_rays_words():
    async def story(seen: Watched) -> None:
        seen.api.up, seen.api.state, seen.api.message = True, "DEPLOY_FAILED", "No module named 'nowhere'"
        await seen.until(lambda: "No module named 'nowhere'" in seen.said)
        assert not seen.serves

    run(story)


@pytest.mark.parametrize("state", ["unwell", "silent", "gone"])
def test_a_proxy_that_does_not_serve_is_left_and_comes_back(state: Any):
    async def story(seen: Watched) -> None:
        await serving(seen)
        seen.api.proxy = ProxyHealth(state=state, problem="not now")
        await seen.until(lambda: not seen.serves)
        seen.api.proxy = ProxyHealth(state="well")
        await seen.until(lambda: seen.serves)

    run(story)


def test_a_late_proxy_is_borne_longer_than_one_that_is_unwell(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(deployment_module._ENOUGH, "silent", 1_000_000)

    async def story(seen: Watched) -> None:
        await serving(seen)
        seen.api.proxy = ProxyHealth(state="silent", problem="late")
        await asyncio.sleep(0.05)
        assert seen.serves

    run(story)


def test_a_restarted_cluster_serves_with_what_came_back():
    async def story(seen: Watched) -> None:
        await serving(seen)
        seen.deployment.forget()
        assert not seen.deployment.status.applications
        await seen.until(lambda: len(seen.api.deployed) == 2 and seen.serves)

    run(story)


def test_a_head_that_says_nothing_is_started_anew(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(deployment_module, "SILENT_SECONDS", 0.01)

    async def told() -> str:
        seen = Watched()
        seen.api.up, seen.api.state = True, "RUNNING"
        running = asyncio.create_task(seen.deployment.run(seen.api, lambda: None))  # type: ignore[arg-type]
        await seen.until(lambda: seen.serves)
        seen.api.up, seen.api.proxy = False, ProxyHealth(state="silent", problem="no answer")
        async with asyncio.timeout(10):
            return await running

    assert "say nothing" in asyncio.run(told())


class Weights:
    """A provider that fails once."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def provide(self, source: str, say: Callable[[str], None], **rest: object) -> Path:
        self.asked.append(source)
        if len(self.asked) == 1:
            raise WeightsMissing("the hub cannot be reached; add --source")
        say("here")
        return Path("/weights")


def test_missing_weights_are_said_and_asked_for_again():
    weights = Weights()
    plan = msgspec.structs.replace(PLAN, sources={"demo://x": "/weights/x"})

    async def story(seen: Watched) -> None:
        seen.api.up, seen.api.state = True, "RUNNING"
        await seen.until(lambda: seen.serves)
        assert weights.asked == ["demo://x", "demo://x"]

    run(story, lambda: Watched(plan, weights))
