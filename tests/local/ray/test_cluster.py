from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelyard.local.home import Home
from modelyard.local.ray import cluster as cluster_module
from modelyard.local.ray.cluster import RayCluster, Surroundings
from modelyard.local.ray.planning import plan_ray_services
from modelyard.local.start_slots import StartSlots
from modelyard.local.status import Phase

from .ray_services import CONTEXT, manifest, resources


def cluster_in(home: Path, changed: list[str]) -> RayCluster:
    context = msgspec.structs.replace(CONTEXT, home=str(home), python="/nowhere/python")
    (plan,) = plan_ray_services(resources(manifest()), context)
    assert plan.cluster is not None
    around = Surroundings(home=Home(home), slots=StartSlots(1))
    return RayCluster(plan.cluster, plan, around, lambda: changed.append("changed"))


def test_a_cluster_that_was_not_started_shows_itself(tmp_path: Path):
    cluster = cluster_in(tmp_path, [])
    replica, pod, view = cluster.replica(), cluster.pod(), cluster.view()
    assert (replica.phase, replica.ready, replica.engine) == (Phase.PENDING, False, "ray-serve")
    assert replica.deployment == "hello"
    assert (pod.ready, pod.metrics_url) == (False, "")
    assert pod.labels["ray.io/cluster"] == cluster.plan.name
    assert not view.serving


@pytest.mark.parametrize("said", [{}, {"TMPDIR": "/scratch", "TORCHINDUCTOR_CACHE_DIR": "/cache"}])
def test_temporary_files_of_all_processes_go_with_the_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: dict[str, str]
):
    started: list[dict[str, Any]] = []

    async def start(command: object, **given: Any) -> None:
        started.append(given)
        raise OSError("that is all")

    async def run() -> RayCluster:
        cluster = cluster_in(tmp_path, [])
        cluster.plan = msgspec.structs.replace(cluster.plan, env=said)
        cluster.start()
        async with asyncio.timeout(10):
            while cluster.replica().phase is not Phase.BACKOFF:  # noqa: ASYNC110 - a state of the cluster's own task
                await asyncio.sleep(0.001)
        await cluster.stop(0.0)
        return cluster

    monkeypatch.setattr(cluster_module.EngineProcess, "start", start)
    cluster = asyncio.run(run())
    (given,) = started
    assert (
        given["temporary"] == given["env"]["RAY_TMPDIR"] == cluster_module.temporary_directory(cluster.plan.directory)
    )
    own = {"TMPDIR": given["temporary"], "TORCHINDUCTOR_CACHE_DIR": f"{tmp_path}/caches/torchinductor"}
    assert {name: given["env"][name] for name in own} == {**own, **said}
    assert not Path(given["temporary"]).exists()


def test_a_temporary_folder_that_somebody_else_made_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "elsewhere").mkdir()
    trap = tmp_path / "trap"
    trap.symlink_to(tmp_path / "elsewhere")
    monkeypatch.setattr(cluster_module, "temporary_directory", lambda directory: str(trap))
    seen: list[str] = []

    async def told() -> None:
        cluster = cluster_in(tmp_path / "home", seen)
        cluster.start()
        async with asyncio.timeout(10):
            while cluster.replica().phase is not Phase.BACKOFF:  # noqa: ASYNC110 - a state of the cluster's own task
                await asyncio.sleep(0.001)
            assert "not this user's own folder" in cluster.replica().message
            await cluster.stop(0.0)
        assert cluster.replica().phase is Phase.STOPPED

    asyncio.run(told())
    assert seen
    assert not list((tmp_path / "home").glob("ray/*"))
