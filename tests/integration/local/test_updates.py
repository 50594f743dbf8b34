"""Fields of a Deployment that say how its replicas are replaced, with simulated servers."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from modelyard.local import supervisor
from modelyard.local.home import Home
from modelyard.local.replica_plan import EngineMode
from modelyard.local.status import LocalPod, Phase
from modelyard.local.supervisor import LocalRunner
from modelyard.local.surge_room import SurgeRoom
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet

pytestmark = pytest.mark.integration
Until = Callable[[Callable[[], bool], str], Awaitable[None]]

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: m}
spec:
  replicas: REPLICAS
  FIELDS
  selector: {matchLabels: {app: m}}
  template:
    metadata: {labels: {app: m}}
    spec:
      terminationGracePeriodSeconds: 20
      containers:
        - name: vllm
          image: vllm/vllm-openai:v0.32.0
          args: [--model=m, --max-num-seqs=SEQS]
          lifecycle: HOOKS
          readinessProbe: {httpGet: {path: /health, port: 8000}, periodSeconds: 1, timeoutSeconds: 5}
---
apiVersion: v1
kind: Service
metadata: {name: vllm}
spec: {selector: {app: m}, ports: [{name: http, port: 80, targetPort: 8000}]}
"""


def resources(*fields: str, replicas: int = 1, seqs: int = 4, hooks: str = "{}") -> ResourceSet:
    values = {"REPLICAS": str(replicas), "FIELDS": "\n  ".join(fields), "SEQS": str(seqs), "HOOKS": hooks}
    text = DEPLOYMENT
    for word, value in values.items():
        text = text.replace(word, value)
    loaded = load_documents(text, source="test.yaml")
    assert not loaded.errors, loaded.errors
    return ResourceSet.of(loaded.objects)[0]


def with_runner(tmp_path: Path, body: Callable[[LocalRunner], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def run() -> None:
        runner = LocalRunner(home=Home.at(tmp_path), engine=EngineMode.SIM, **options)
        try:
            async with asyncio.timeout(100):
                await body(runner)
        finally:
            await runner.stop()

    asyncio.run(run())


def complete(runner: LocalRunner) -> Callable[[], bool]:
    return lambda: all(one.counts.complete for one in runner.rollouts())


def pids(runner: LocalRunner) -> set[int]:
    return {one.pid for one in runner.replicas() if one.pid and one.phase is not Phase.STOPPING}


def test_an_extra_replica_that_does_not_fit_is_not_started(
    tmp_path: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = SurgeRoom(gpu=False, available=lambda: 0)
    monkeypatch.setattr(supervisor, "SurgeRoom", lambda gpu: full)
    most: list[int] = []

    async def body(runner: LocalRunner) -> None:
        await runner.apply(resources(replicas=2))
        await until(complete(runner), "both ready")
        before = pids(runner)
        await runner.apply(resources(replicas=2, seqs=5))

        def replaced() -> bool:
            most.append(len(runner.replicas()))
            return complete(runner)() and not before & pids(runner)

        await until(replaced, "replaced in place")
        assert "0.0 GiB are left" in runner.rollouts()[0].note
        assert [one.name for one in runner.replicas()] == ["m-0", "m-1"]

    with_runner(tmp_path, body)
    assert max(most) == 2


def test_recreate_stops_all_first(tmp_path: Path, until: Until) -> None:
    seen: list[tuple[int, int]] = []

    async def body(runner: LocalRunner) -> None:
        await runner.apply(resources("strategy: {type: Recreate}", replicas=2))
        await until(complete(runner), "both ready")
        before = pids(runner)
        await runner.apply(resources("strategy: {type: Recreate}", replicas=2, seqs=5))

        def replaced() -> bool:
            now = {one.pid for one in runner.replicas() if one.pid}
            seen.append((len(now & before), len(now - before)))
            return complete(runner)() and not now & before

        await until(replaced, "made anew")

    with_runner(tmp_path, body)
    assert all(not (old and new) for old, new in seen)


def test_paused_keeps_what_runs(tmp_path: Path, until: Until) -> None:
    async def body(runner: LocalRunner) -> None:
        await runner.apply(resources())
        await until(complete(runner), "ready")
        before = pids(runner)
        await runner.apply(resources("paused: true", replicas=2, seqs=5))
        await until(lambda: sum(one.ready for one in runner.replicas()) == 2, "scaled")
        assert before < pids(runner)
        assert runner.rollouts()[0].condition("Progressing").reason == "DeploymentPaused"
        with pytest.raises(ValueError, match="paused"):
            runner.restart_deployment("default", "m")
        await runner.apply(resources(replicas=2, seqs=5))
        await until(lambda: complete(runner)() and not before & pids(runner), "replaced when it goes on")

    with_runner(tmp_path, body)


def test_a_replica_counts_when_it_has_been_ready_for_long_enough(tmp_path: Path, until: Until) -> None:
    fields = ("minReadySeconds: 3", "progressDeadlineSeconds: 60")

    async def body(runner: LocalRunner) -> None:
        await runner.apply(resources(*fields))
        await until(lambda: runner.rollouts()[0].counts.ready == 1, "ready")
        assert runner.rollouts()[0].condition("Progressing").reason == "ReplicaSetUpdated"
        await until(complete(runner), "available")
        assert runner.rollouts()[0].counts.available == 1

    with_runner(tmp_path, body)


def test_a_hook_runs_after_it_left_rotation_and_before_its_process_ends(tmp_path: Path, until: Until) -> None:
    mark = tmp_path / "mark"
    code = f"open('{mark}', 'w').write('ran')"
    hooks = f'{{preStop: {{exec: {{command: ["{sys.executable}", "-c", "{code}"]}}}}}}'
    seen: list[bool] = []

    async def drain(pod: LocalPod) -> None:
        seen.append(pod.ready)

    async def body(runner: LocalRunner) -> None:
        await runner.apply(resources(hooks=hooks))
        await until(complete(runner), "ready")
        assert not mark.exists()

    with_runner(tmp_path / "home", body, drain=drain)
    assert mark.read_text() == "ran"
    assert seen == [False]


@pytest.mark.skipif(sys.platform != "linux", reason="environments are read from /proc")
def test_services_are_found_by_variables(tmp_path: Path, until: Until) -> None:
    async def body(runner: LocalRunner) -> None:
        await runner.apply(resources())
        await until(complete(runner), "ready")
        status = runner.replicas()[0]
        environ = await asyncio.to_thread(Path(f"/proc/{status.pid}/environ").read_bytes)
        environment = environ.decode().split("\0")
        assert f"VLLM_SERVICE_HOST={status.address}" in environment
        assert "VLLM_SERVICE_PORT_HTTP=8000" in environment
        assert not any(line.startswith("VLLM_PORT=") for line in environment)

    with_runner(tmp_path, body)
