from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

from modelyard.control.adapters import YardAdapters
from modelyard.control.weights_provider import FetchingProvider
from modelyard.local.home import Home
from modelyard.local.replica_plan import DeploymentPlan, PortMapping, ReplicaPlan
from modelyard.local.status import Phase, ReplicaStatus
from modelyard.local.supervisor import LocalRunner
from modelyard.lora.reconciler import at_once
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.source_table import SourceTable
from modelyard.scrape.scraper import Scraper

MANIFESTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: m}
spec:
  selector: {matchLabels: {app: m}}
  template:
    metadata: {labels: {app: m}}
    spec:
      initContainers:
        - {name: lora-adapter-syncer, image: lora-syncer, volumeMounts: [{name: config, mountPath: /config}]}
      containers: [{name: vllm, image: vllm/vllm-openai, args: [--model=m, --enable-lora]}]
      volumes: [{name: config, configMap: {name: adapters}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: adapters}
data:
  configmap.yaml: |
    vLLMLoRAConfig: {ensureExist: {models: [{id: food-review, source: demo://food-review}]}}
"""
RESOURCES, _ = ResourceSet.of(load_documents(MANIFESTS, "m.yaml").objects)


def replica(number: int) -> ReplicaPlan:
    return ReplicaPlan(
        name=f"m-{number}",
        namespace="default",
        deployment="m",
        container="vllm",
        labels={},
        engine="vllm",
        address=f"127.8.0.{number + 1}",
        ports=(PortMapping(container=8000, local=8000),),
        argv=("vllm", "--model", "m", "--enable-lora"),
        env={"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "true"},
        directory="/r",
    )


class Runner:
    """One Deployment of one replica, with room for one more, of which some run."""

    def __init__(self, *running: int) -> None:
        self.running = running

    def plans(self) -> tuple[DeploymentPlan, ...]:
        return (DeploymentPlan(namespace="default", name="m", replicas=(replica(0),), spares=(replica(1),)),)

    def replicas(self) -> tuple[ReplicaStatus, ...]:
        return tuple(self._status(replica(number)) for number in self.running)

    def _status(self, plan: ReplicaPlan) -> ReplicaStatus:
        given: dict[str, Any] = {field: getattr(plan, field) for field in _SHARED}
        return ReplicaStatus(**given, phase=Phase.PENDING, ready=False, since=0.0, message="", log_path="")


_SHARED = ("name", "namespace", "deployment", "labels", "engine", "address", "ports")


def looked_after(tmp_path: Path, *running: int, resources: ResourceSet = RESOURCES) -> set[tuple[str, str]]:
    """(adapter, replica) of everything that is wanted."""

    async def scenario() -> set[tuple[str, str]]:
        scraper = Scraper(lambda fleet: None)
        adapters = YardAdapters(
            home=Home.at(tmp_path),
            local=cast("LocalRunner", Runner(*running)),
            scraper=scraper,
            provider=FetchingProvider(tmp_path / "weights"),
            simulated=True,
            awaited=dict,
            known=at_once,
            on_change=lambda: None,
        )
        adapters.apply(resources, SourceTable())
        await asyncio.sleep(0)
        found = {(status.adapter, status.replica) for status in adapters.statuses()}
        await adapters.stop()
        await scraper.close()
        return found

    return asyncio.run(scenario())


def test_a_replica_that_an_update_has_added_gets_the_adapters_too(tmp_path: Path) -> None:
    wanted = {("food-review", "default/m-0"), ("food-review", "default/m-1")}
    assert looked_after(tmp_path, 0, 1) == wanted
    assert looked_after(tmp_path, 1) == {("food-review", "default/m-1")}


def test_what_is_wanted_where_nothing_runs_is_shown_with_the_reason(tmp_path: Path) -> None:
    class Stopped(Runner):
        def plans(self) -> tuple[DeploymentPlan, ...]:
            return (DeploymentPlan(namespace="default", name="m", problem="no vLLM was found"),)

    unread = MANIFESTS.replace("name: adapters}\ndata", "name: unread}\ndata").partition("---")[2]
    resources, _ = ResourceSet.of(load_documents(f"{MANIFESTS}---{unread}", "m.yaml").objects)

    async def scenario() -> dict[str, Any]:
        scraper = Scraper(lambda fleet: None)
        adapters = YardAdapters(
            home=Home.at(tmp_path),
            local=cast("LocalRunner", Stopped()),
            scraper=scraper,
            provider=FetchingProvider(tmp_path / "weights"),
            simulated=True,
            awaited=dict,
            known=at_once,
            on_change=lambda: None,
        )
        adapters.apply(resources, SourceTable())
        found = {**adapters.shown(), "gauge": adapters.gauge()}
        await adapters.stop()
        await scraper.close()
        return found

    shown = asyncio.run(scenario())
    (row,) = shown["adapters"]
    assert (row["adapter"], row["replica"], row["loaded"]) == ("food-review", "default/m", False)
    assert (row["reason"], row["message"], row["source"]) == ("NoReplica", "no vLLM was found", "demo://food-review")
    assert shown["gauge"] == {"food-review": 0}
    assert [problem.partition(":")[0] for problem in shown["problems"]] == ["ConfigMap default/unread"]


def test_a_deployment_whose_manifests_are_not_known_yet_is_left_alone(tmp_path: Path) -> None:
    assert looked_after(tmp_path, 0, resources=ResourceSet()) == set()
