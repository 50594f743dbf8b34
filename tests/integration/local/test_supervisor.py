"""The runner with simulated servers as replicas: start, crash, change, remove, stop, and death of the
control process."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelyard.local.home import Home
from modelyard.local.replica_plan import EngineMode
from modelyard.local.state_file import read_state
from modelyard.local.status import LocalPod, Phase, ReplicaStatus
from modelyard.local.supervisor import LocalRunner
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet

pytestmark = pytest.mark.integration
Until = Callable[[Callable[[], bool], str], Awaitable[None]]
Alive = Callable[[int], bool]

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  replicas: REPLICAS
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME, release: RELEASE}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
        - name: vllm
          image: vllm/vllm-openai:v0.32.0
          args: [--model=m, --max-num-seqs=SEQS, --config=/etc/model/config.txt]
          startupProbe: {httpGet: {path: /health, port: 8000}, periodSeconds: 1, failureThreshold: 90}
          livenessProbe: {httpGet: {path: /health, port: 8000}, periodSeconds: 1, timeoutSeconds: 3}
          readinessProbe: {httpGet: {path: /health, port: 8000}, periodSeconds: 1, timeoutSeconds: 3}
          volumeMounts: [{name: config, mountPath: /etc/model}]
      volumes: [{name: config, configMap: {name: config}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: config}
data: {config.txt: "CONFIG"}
"""


def resources(
    *, name: str = "m", replicas: int = 1, release: str = "r1", seqs: str = "4", config: str = "one"
) -> ResourceSet:
    values = {"NAME": name, "REPLICAS": str(replicas), "RELEASE": release, "SEQS": seqs, "CONFIG": config}
    text = DEPLOYMENT
    for word, value in values.items():
        text = text.replace(word, value)
    loaded = load_documents(text, source="test.yaml")
    assert not loaded.errors
    return ResourceSet.of(loaded.objects)[0]


def status(runner: LocalRunner, name: str = "m-0") -> ReplicaStatus:
    return next(one for one in runner.replicas() if one.name == name)


def all_ready(runner: LocalRunner, count: int) -> Callable[[], bool]:
    return lambda: [one.ready for one in runner.replicas()] == [True] * count


def with_runner(tmp_path: Path, body: Callable[[LocalRunner], Coroutine[Any, Any, None]], **options: Any) -> None:
    """Run ``body`` with a runner; nothing may be left afterwards."""

    async def run() -> None:
        runner = LocalRunner(home=Home.at(tmp_path), engine=EngineMode.SIM, **options)
        try:
            async with asyncio.timeout(100):
                await body(runner)
        finally:
            await runner.stop()
        assert runner.replicas() == ()

    asyncio.run(run())
    assert list((tmp_path / "replicas").iterdir()) == []


def test_replicas_serve_on_addresses_of_their_own_and_stop(tmp_path: Path, until: Until, alive: Alive) -> None:
    seen: list[ReplicaStatus] = []
    changes: list[int] = []

    async def body(runner: LocalRunner) -> None:
        await runner.apply(resources(replicas=2))
        await until(all_ready(runner, 2), "both ready")
        seen.extend(runner.replicas())
        pods = runner.endpoints()
        assert {pod.ip for pod in pods} == {one.address for one in seen}
        assert all(pod.ready and pod.labels["app"] == "m" and pod.engine == "simulator" for pod in pods)
        for pod in pods:
            reader, writer = await asyncio.open_connection(pod.ip, pod.ports[8000])
            writer.write(b"GET /v1/models HTTP/1.0\r\n\r\n")
            assert b'"m"' in await reader.read()
            writer.close()
        state = read_state(Home.at(tmp_path))
        assert state is not None
        assert [one.ready for one in state.replicas] == [True, True]

    with_runner(tmp_path, body, on_change=lambda: changes.append(1))
    assert len({one.address for one in seen}) == 2
    assert not any(alive(one.pid or 0) for one in seen)
    assert all(Path(one.log_path).read_text() for one in seen)
    assert changes
    state = read_state(Home.at(tmp_path))
    assert state is not None
    assert state.replicas == ()


def test_a_killed_replica_comes_back(tmp_path: Path, until: Until) -> None:
    async def body(runner: LocalRunner) -> None:
        await runner.apply(resources())
        await until(all_ready(runner, 1), "ready")
        before = status(runner)
        os.kill(before.pid or 0, signal.SIGKILL)
        await until(lambda: status(runner).phase is Phase.BACKOFF, "back-off")
        assert status(runner).last_exit == 137
        assert not runner.endpoints()[0].ready
        assert "signal 9" in runner.endpoints()[0].reason
        await until(all_ready(runner, 1), "ready again")
        after = status(runner)
        assert after.restarts == 1
        assert after.address == before.address
        assert after.pid != before.pid

    with_runner(tmp_path, body)


def test_a_hanging_replica_is_restarted_by_its_liveness_probe(tmp_path: Path, until: Until) -> None:
    async def body(runner: LocalRunner) -> None:
        await runner.apply(resources())
        await until(all_ready(runner, 1), "ready")
        pid = status(runner).pid or 0
        os.kill(pid, signal.SIGSTOP)
        await until(lambda: not status(runner).ready, "not ready")
        await until(lambda: status(runner).restarts == 1, "restarted")
        await until(all_ready(runner, 1), "ready again")

    with_runner(tmp_path, body)


def test_a_liveness_probe_has_a_grace_of_its_own(tmp_path: Path, until: Until) -> None:
    async def body(runner: LocalRunner) -> None:
        before = resources()
        replace = msgspec.structs.replace
        deployment = before.deployments["default", "m"]
        pod = deployment.spec.template.spec
        server = pod.containers[0]
        assert server.liveness_probe is not None
        probe = replace(server.liveness_probe, termination_grace_period_seconds=1)
        patient = replace(
            pod, termination_grace_period_seconds=600, containers=(replace(server, liveness_probe=probe),)
        )
        template = replace(deployment.spec.template, spec=patient)
        changed = replace(deployment, spec=replace(deployment.spec, template=template))
        await runner.apply(replace(before, deployments={("default", "m"): changed}))
        await until(all_ready(runner, 1), "ready")
        os.kill(status(runner).pid or 0, signal.SIGSTOP)
        await until(lambda: status(runner).restarts == 1, "restarted long before 600 s are over")

    with_runner(tmp_path, body)


def test_a_command_that_fails_says_why_and_is_tried_again(tmp_path: Path, until: Until) -> None:
    async def body(runner: LocalRunner) -> None:
        await runner.apply(resources(seqs="nonsense"))
        await until(lambda: status(runner).phase is Phase.BACKOFF, "back-off")
        assert status(runner).last_exit not in (0, None)
        assert "ended with exit code" in status(runner).message
        await until(lambda: status(runner).restarts >= 1, "tried again")
        await runner.apply(resources())
        await until(all_ready(runner, 1), "ready with the right command")

    with_runner(tmp_path, body)


def test_a_changed_template_replaces_replicas_one_at_a_time(tmp_path: Path, until: Until) -> None:
    fewest: list[int] = []

    async def body(runner: LocalRunner) -> None:
        await runner.apply(resources(replicas=2))
        await until(all_ready(runner, 2), "both ready")
        before = {one.name: one.pid for one in runner.replicas()}
        await runner.apply(resources(replicas=2, seqs="5"))

        def replaced() -> bool:
            fewest.append(sum(one.ready for one in runner.replicas()))
            now = {one.name: one.pid for one in runner.replicas()}
            return all_ready(runner, 2)() and not set(before.values()) & set(now.values())

        await until(replaced, "both replaced")

    with_runner(tmp_path, body)
    assert min(fewest) == 2, "an extra replica comes before an old one goes"


def test_labels_and_mounted_files_change_without_a_restart(tmp_path: Path, until: Until) -> None:
    async def body(runner: LocalRunner) -> None:
        await runner.apply(resources())
        await until(all_ready(runner, 1), "ready")
        pid = status(runner).pid
        await runner.apply(resources(release="r2", config="two"))
        assert runner.endpoints()[0].labels["release"] == "r2"
        assert (tmp_path / "replicas/default_m-0/volumes/config/config.txt").read_text() == "two"
        assert status(runner).pid == pid

    with_runner(tmp_path, body)


def test_scaling_and_removing(tmp_path: Path, until: Until, alive: Alive) -> None:
    async def body(runner: LocalRunner) -> None:
        await runner.apply(resources(replicas=2))
        await until(all_ready(runner, 2), "both ready")
        first, second = (one.pid or 0 for one in runner.replicas())
        await runner.apply(resources(replicas=1))
        await until(lambda: len(runner.replicas()) == 1, "one left")
        assert (alive(first), alive(second)) == (True, False)
        await runner.apply(ResourceSet())
        await until(lambda: not runner.replicas(), "none left")
        assert not alive(first)

    with_runner(tmp_path, body)


def test_requests_are_waited_for_after_a_replica_left(tmp_path: Path, until: Until, alive: Alive) -> None:
    seen: list[tuple[bool, bool]] = []
    holder: list[LocalRunner] = []

    async def drain(pod: LocalPod) -> None:
        runner = holder[0]
        seen.append((next(one.ready for one in runner.endpoints()), alive(status(runner).pid or 0)))

    async def body(runner: LocalRunner) -> None:
        holder.append(runner)
        await runner.apply(resources())
        await until(all_ready(runner, 1), "ready")

    with_runner(tmp_path, body, drain=drain)
    assert seen == [(False, True)]


def test_an_address_in_use_is_reported(tmp_path: Path, until: Until) -> None:
    async def body(runner: LocalRunner) -> None:
        await runner.apply(resources(replicas=0))
        await runner.apply(resources())
        address = status(runner).address
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind((address, 8000))
            other.listen()
            await until(lambda: "is used by another program" in status(runner).message, "the reason")
        await until(all_ready(runner, 1), "ready when the address is free")

    with_runner(tmp_path, body)


def test_restart_by_name(tmp_path: Path, until: Until) -> None:
    async def body(runner: LocalRunner) -> None:
        await runner.apply(resources())
        await until(all_ready(runner, 1), "ready")
        pid = status(runner).pid
        await runner.restart("default/m-0")
        await until(lambda: all_ready(runner, 1)() and status(runner).pid != pid, "ready anew")
        assert status(runner).restarts == 1
        with pytest.raises(KeyError):
            await runner.restart("default/none")

    with_runner(tmp_path, body)


CONTROL = """
import asyncio, sys
from pathlib import Path
from modelyard.local.home import Home
from modelyard.local.replica_plan import EngineMode
from modelyard.local.supervisor import LocalRunner
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
async def main():
    runner = LocalRunner(home=Home.at(sys.argv[1]), engine=EngineMode.SIM)
    await runner.apply(ResourceSet.of(load_documents(Path(sys.argv[2]).read_text(), source="m").objects)[0])
    await asyncio.sleep(600)
asyncio.run(main())
"""


def test_kill_9_of_the_control_process_leaves_no_replica(tmp_path: Path, until: Until, alive: Alive) -> None:
    manifest = tmp_path / "m.yaml"
    text = DEPLOYMENT.replace("NAME", "m").replace("REPLICAS", "2").replace("SEQS", "4").replace("RELEASE", "r")
    manifest.write_text(text)
    home = Home.at(tmp_path / "home")

    def ready_pids() -> list[int]:
        state = read_state(home)
        return [one.pid for one in state.replicas if one.ready and one.pid] if state else []

    async def run() -> None:
        control = await asyncio.create_subprocess_exec(sys.executable, "-c", CONTROL, str(home.root), str(manifest))
        try:
            await until(lambda: len(ready_pids()) == 2, "both ready")
        finally:
            control.kill()
            await control.wait()
        pids = ready_pids()
        await until(lambda: not any(map(alive, pids)), "both replicas end")

    asyncio.run(run())
