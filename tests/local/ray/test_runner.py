from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from modelyard.local.home import Home
from modelyard.local.ray import runner as runner_module
from modelyard.local.ray.engine import RayEngine
from modelyard.local.ray.runner import RayRunner
from modelyard.local.replica_plan import EngineMode
from modelyard.resources.resource_set import ResourceSet

from .ray_services import manifest, resources


class FakeService:
    """Stands for one RayService that runs."""

    def __init__(self, plan, around, changed) -> None:
        self.plan, self.stopped = plan, False

    def apply(self, plan) -> None:
        self.plan = plan

    def kept_addresses(self) -> dict[str, str]:
        return {}

    def replicas(self) -> tuple[str, ...]:
        return (self.plan.key,)

    def pods(self) -> tuple[str, ...]:
        return (self.plan.key,)

    def settled(self) -> bool:
        return True

    def status(self) -> dict[str, str]:
        return {"of": self.plan.name}

    async def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    found = RayEngine(python="/engine/bin/python", version="2.60.0", vllm="0.32.0", found_by="here")
    monkeypatch.setattr(runner_module, "find_ray", lambda: found)
    monkeypatch.setattr(runner_module, "RayServiceRun", FakeService)


def run(folder: Path, story: Callable[[RayRunner], Awaitable[None]], mode: EngineMode = EngineMode.AUTO) -> None:
    async def told() -> None:
        runner = RayRunner(home=Home(folder), engine=mode)
        async with asyncio.timeout(10):
            await story(runner)
            await runner.stop()
        assert runner.replicas() == ()

    asyncio.run(told())


@pytest.mark.usefixtures("engine")
def test_services_come_and_go_with_the_manifests(tmp_path: Path):
    async def story(runner: RayRunner) -> None:
        await runner.apply(resources(manifest(), manifest(name="other")))
        assert runner.replicas() == ("default/hello", "default/other")
        assert runner.statuses() == {("default", "hello"): {"of": "hello"}, ("default", "other"): {"of": "other"}}
        assert runner.settled()
        await runner.apply(resources(manifest(name="other")))
        await asyncio.sleep(0.01)
        assert runner.endpoints() == ("default/other",)
        await runner.apply(ResourceSet())

    run(tmp_path, story)


def test_without_ray_nothing_runs_and_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runner_module, "find_ray", lambda: None)

    async def story(runner: RayRunner) -> None:
        await runner.apply(resources(manifest()))
        (plan,) = runner.plans()
        assert "modelyard engines install ray" in plan.problem
        assert runner.replicas() == ()
        assert runner.settled()
        status = runner.statuses()["default", "hello"]
        assert "engines install ray" in status["conditions"][0]["message"]

    run(tmp_path, story)


def test_the_simulator_does_not_stand_in(tmp_path: Path):
    async def story(runner: RayRunner) -> None:
        await runner.apply(resources(manifest()))
        assert "--engine sim" in runner.plans()[0].problem

    run(tmp_path, story, EngineMode.SIM)


def test_without_ray_services_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runner_module, "find_ray", lambda: pytest.fail("asked for Ray"))

    async def story(runner: RayRunner) -> None:
        await runner.apply(ResourceSet())
        assert runner.plans() == ()

    run(tmp_path, story)
