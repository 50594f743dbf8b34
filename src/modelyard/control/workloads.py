"""What a yard runs on this machine: replicas of Deployments, Ray clusters, Jobs, and the adapters of all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from modelyard.control.adapters import YardAdapters
from modelyard.control.jobs import YardJobs
from modelyard.control.ray_clusters import ray_runner
from modelyard.control.settings import ControlSettings
from modelyard.control.weights_provider import FetchingProvider
from modelyard.local.replica import Drain
from modelyard.local.replica_plan import EngineMode
from modelyard.local.state_file import StateFile
from modelyard.local.status import LocalPod, ReplicaStatus
from modelyard.local.supervisor import LocalRunner
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.source_table import SourceTable
from modelyard.scrape.scraper import Scraper


class Workloads:
    """The runners of one yard, which share weights, adapters and one state file."""

    def __init__(
        self,
        settings: ControlSettings,
        weights: FetchingProvider,
        scraper: Scraper,
        *,
        drain: Drain,
        awaited: Callable[[], Mapping[str, Mapping[str, int]]],
        known: Callable[[], Awaitable[None]],
        on_pods: Callable[[], None],
        on_change: Callable[[], None],
    ) -> None:
        """``drain`` waits until no request runs at a Pod that left rotation. ``awaited``: backend -> adapter ->
        requests that wait for it. ``known`` waits until every worker goes by the fleet of now. ``on_pods`` hears that
        Pods have come, gone or changed, ``on_change`` whatever is worth showing."""
        self._on_pods, self._on_change = on_pods, on_change
        state = StateFile(settings.home)
        simulated = settings.engine is EngineMode.SIM
        self.local = LocalRunner(
            home=settings.home,
            engine=settings.engine,
            on_change=self._replicas_changed,
            drain=drain,
            weights=weights,
            state=state,
        )
        self.ray = ray_runner(settings, on_change=self._replicas_changed, drain=drain, weights=weights, state=state)
        self.jobs = YardJobs(settings.home, weights, needs_files=not simulated, on_change=on_change)
        self.adapters = YardAdapters(
            home=settings.home,
            local=self.local,
            ray=self.ray,
            scraper=scraper,
            provider=weights,
            simulated=simulated,
            awaited=awaited,
            known=known,
            on_change=on_change,
        )

    async def apply(self, resources: ResourceSet, sources: SourceTable) -> None:
        """Make the machine run what ``resources`` say. Returns when the work is under way."""
        await self.local.apply(resources, sources)
        self.jobs.apply(resources, sources)
        await self.ray.apply(resources, sources, await self.adapters.bucket(resources))
        self._on_pods()
        self.adapters.apply(resources, sources)

    def pods(self) -> tuple[LocalPod, ...]:
        """Every replica and every cluster as a Pod, ready or not."""
        return (*self.local.endpoints(), *self.ray.endpoints())

    def replicas(self) -> tuple[ReplicaStatus, ...]:
        """Replicas of Deployments, and Ray clusters, each as one."""
        return (*self.local.replicas(), *self.ray.replicas())

    async def stop(self) -> None:
        """End everything; returns when no process is left. Final."""
        await self.adapters.stop()
        await asyncio.gather(self.local.stop(), self.ray.stop(), self.jobs.stop())

    def _replicas_changed(self) -> None:
        self._on_pods()
        self.adapters.replicas_changed()
        self._on_change()
